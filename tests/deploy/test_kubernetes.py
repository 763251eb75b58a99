"""Kubernetes files: valid for their API's schema, and safe where no schema looks.

RayCluster and RayJob have schemas of KubeRay's that no package ships: here their pods are held to
Kubernetes' own; the rest was held to KubeRay's by hand (deploy/README.md says so).
"""

import kubernetes_validate
import pytest

from tests.deploy.files import documents, fresh_environment, versions

PLAIN = ("namespace.yaml", "mlflow.yaml")
RAY = ("raycluster.yaml", "rayjob.yaml")


def ray_spec(name):
    spec = documents(name)[0]["spec"]
    return spec.get("rayClusterSpec", spec)


def templates(name):
    """Every pod template of a file, by what it belongs to."""
    for document in documents(name):
        spec = document.get("spec", {})
        if "template" in spec:
            yield document["metadata"]["name"], spec["template"]
        if "submitterPodTemplate" in spec:
            yield "submitter", spec["submitterPodTemplate"]
    if name in RAY:
        yield "head", ray_spec(name)["headGroupSpec"]["template"]
        for group in ray_spec(name)["workerGroupSpecs"]:
            yield group["groupName"], group["template"]


PODS = [
    pytest.param(template, id=f"{name}-{what}")
    for name in (*PLAIN, *RAY)
    for what, template in templates(name)
]


def containers(template):
    return [*template["spec"].get("initContainers", []), *template["spec"]["containers"]]


@pytest.mark.parametrize("name", PLAIN)
def test_kubernetes_would_take_it(name):
    for document in documents(name):
        kubernetes_validate.validate(document, versions()["KUBERNETES"], strict=True)


def test_the_validator_sees_mistakes():
    document = documents("namespace.yaml")[1]
    document["spec"]["policyTypez"] = ["Ingress"]
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(document, versions()["KUBERNETES"], strict=True)


@pytest.mark.parametrize("template", PODS)
def test_pods_are_valid(template):
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "one"}, **template}
    pod["metadata"] = {"name": "one", **template.get("metadata", {})}
    kubernetes_validate.validate(pod, versions()["KUBERNETES"], strict=True)


@pytest.mark.parametrize("template", PODS)
def test_pods_fit_the_restricted_standard(template):
    """What the namespace enforces, https://kubernetes.io/docs/concepts/security."""
    assert "hostNetwork" not in template["spec"]
    assert not any("hostPath" in volume for volume in template["spec"].get("volumes", []))
    for container in containers(template):
        context = container["securityContext"]
        assert context["runAsNonRoot"] is True
        assert context["runAsUser"] > 0
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        for kind in ("requests", "limits"):
            assert {"cpu", "memory"} <= set(container["resources"][kind])
        mounted = {mount["name"] for mount in container.get("volumeMounts", [])}
        assert mounted <= {volume["name"] for volume in template["spec"].get("volumes", [])} | {
            "data"  # claimed by the StatefulSet
        }


def test_all_is_in_one_namespace_that_enforces_it():
    first = documents("namespace.yaml")[0]
    assert first["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    for name in (*PLAIN, *RAY):
        for document in documents(name):
            if document["kind"] != "Namespace":
                assert document["metadata"]["namespace"] == first["metadata"]["name"]


def test_job_and_cluster_are_the_same_cluster():
    assert ray_spec("rayjob.yaml") == ray_spec("raycluster.yaml")


def test_the_cluster_demands_a_token_and_grows_from_zero():
    spec = ray_spec("raycluster.yaml")
    assert spec["authOptions"] == {"mode": "token"}
    assert spec["enableInTreeAutoscaling"] is True
    assert spec["autoscalerOptions"]["idleTimeoutSeconds"] > 0
    assert spec["autoscalerOptions"]["securityContext"]["runAsNonRoot"] is True
    assert spec["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    groups = {group["groupName"]: group for group in spec["workerGroupSpecs"]}
    assert set(groups) == {"cpu", "gpu"}
    for name, group in groups.items():
        assert group["replicas"] == group["minReplicas"] == 0 < group["maxReplicas"]
        (container,) = group["template"]["spec"]["containers"]
        resources = container["resources"]
        assert resources["requests"] == resources["limits"]
        assert ("nvidia.com/gpu" in resources["limits"]) == (name == "gpu")


@pytest.mark.parametrize("what", ["head", "cpu", "gpu"])
def test_ray_pods_share_the_storage_and_have_memory_for_objects(what):
    spec = dict(templates("raycluster.yaml"))[what]["spec"]
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    assert volumes["shm"]["emptyDir"]["medium"] == "Memory"
    claims = {d["metadata"]["name"]: d for d in documents("namespace.yaml")}
    claim = claims[volumes["storage"]["persistentVolumeClaim"]["claimName"]]
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    paths = {m["name"]: m["mountPath"] for m in spec["containers"][0]["volumeMounts"]}
    assert paths["shm"] == "/dev/shm"
    assert (
        documents("rayjob.yaml")[0]["spec"]["entrypoint"].find(f"--storage {paths['storage']}/") > 0
    )


def test_a_retry_goes_on_with_the_same_command():
    from typer.testing import CliRunner

    from sweep.cli import app

    spec = documents("rayjob.yaml")[0]["spec"]
    words = spec["entrypoint"].split()
    assert words[:2] == ["idsweep", "run"]
    assert spec["backoffLimit"] > 0
    options = [word for word in words if word.startswith("--")]
    shown = CliRunner().invoke(app, ["run", "--help"], env={"COLUMNS": "200"}).output
    assert all(option in shown for option in options)


def test_only_the_driver_may_write_to_mlflow():
    pods = dict(templates("raycluster.yaml"))

    def secrets(pod):
        given = pod["spec"]["containers"][0]["envFrom"]
        return {source["secretRef"]["name"] for source in given}

    assert secrets(pods["head"]) == {"mlflow-client", "storage-keys"}
    assert secrets(pods["cpu"]) == secrets(pods["gpu"]) == {"storage-keys"}


def test_secrets_come_from_secret_objects_alone():
    made = fresh_environment()
    for name in (*PLAIN, *RAY):
        for document in documents(name):
            assert document["kind"] not in ("Secret", "ConfigMap")
        for _, template in templates(name):
            for container in containers(template):
                for variable in container.get("env", []):
                    reference = variable.get("valueFrom", {}).get("secretKeyRef")
                    if reference:
                        assert reference["key"] in made
                    else:
                        words = ("PASSWORD", "SECRET", "ACCESS_KEY", "TOKEN")
                        assert not any(word in variable["name"] for word in words)


def test_who_may_come_in_is_said_for_every_pod():
    policies = [d for name in PLAIN for d in documents(name) if d["kind"] == "NetworkPolicy"]
    everyone, *some = policies
    assert everyone["spec"] == {"podSelector": {}, "policyTypes": ["Ingress"]}
    assert all(policy["spec"]["ingress"] for policy in some)
    for _, template in templates("raycluster.yaml"):
        assert template["metadata"]["labels"] == {"app.kubernetes.io/name": "idsweep-ray"}
