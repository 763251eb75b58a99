"""One pass, watched: calls, contents, the trunk, memory; and nothing left behind."""

import weakref
from dataclasses import dataclass

import pytest
import torch
import torchvision
from torch import nn

from sweep.errors import TrialFailure
from sweep.models.trace import trace_network

DEVICES = ["cpu", "meta"]


def calls_of(network, sample):
    return {(call.module, call.number): call for call in trace_network(network, sample).calls}


def pair(network, sample):
    return trace_network(network, sample), trace_network(network.to("meta"), sample.to("meta"))


class Block(nn.Module):
    """A residual block that writes in place."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 1)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        out = self.relu(self.conv(x))
        out += x
        return self.relu(out)


def blocks():
    return nn.Sequential(
        nn.Conv2d(1, 4, 1), Block(), Block(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)
    )


@pytest.mark.parametrize("device", DEVICES)
class TestContents:
    def test_writing_in_place_makes_another_content(self, device):
        calls = calls_of(blocks().to(device), torch.zeros(3, 1, 4, 4, device=device))
        contents = [calls[key].given.content for key in [("1.conv", 1), ("1.relu", 1), ("1", 1)]]
        assert len(set(contents)) == 3
        assert calls["1.relu", 2].given.content == calls["1", 1].given.content
        assert calls["2.relu", 1].taken.content == calls["2.conv", 1].given.content

    def test_views_and_copies_are_one_content_and_slices_another(self, device):
        class Views(nn.Module):
            def __init__(self):
                super().__init__()
                self.a, self.b, self.c, self.d = (nn.Identity() for _ in range(4))
                self.head = nn.Linear(4, 2)

            def forward(self, x):
                x = self.a(x * 2)
                y = self.b(x.transpose(1, 2).contiguous().flatten(1))
                self.c(x[:, 0])
                self.d(x[:, 1])
                return self.head(y.unflatten(1, (4, 4)).mean(1))

        calls = calls_of(Views().to(device), torch.zeros(3, 4, 4, device=device))
        a, b, c, d = (calls[name, 1].given.content for name in "abcd")
        assert a == b
        assert len({a, c, d}) == 3

    def test_a_part_written_leaves_the_rest_connected(self, device):
        class Partly(nn.Module):
            def __init__(self):
                super().__init__()
                self.first, self.other = nn.Linear(4, 4), nn.Linear(4, 2)
                self.head = nn.Linear(4, 2)

            def forward(self, x):
                y = self.first(x)
                y[:, :2] = self.other(x)
                return self.head(y)

        trace = trace_network(Partly().to(device), torch.zeros(3, 4, device=device))
        on_trunk = {call.module: call.given.on_trunk for call in trace.calls}
        assert on_trunk == {"first": False, "other": False, "head": True, "": True}
        assert trace.total_depth == 2


@pytest.mark.parametrize("device", DEVICES)
def test_the_trunk_is_what_no_way_goes_around(device):
    trace = trace_network(blocks().to(device), torch.zeros(3, 1, 4, 4, device=device))
    on_trunk = {call.module for call in trace.calls if call.given.on_trunk}
    # Around 1.conv and 2.conv goes the residual connection.
    assert {"0", "1", "2", "3", "5"} <= on_trunk
    assert not {"1.conv", "2.conv"} & on_trunk
    assert (trace.classifier.module, trace.total_depth) == ("5", 5)


def test_a_pass_without_numbers_shows_the_same():
    network = torchvision.models.get_model("shufflenet_v2_x0_5")
    real, without = pair(network, torch.zeros(3, 3, 32, 32))
    shown = [
        [(c.module, c.number, c.given.shape, c.given.depth, c.given.on_trunk) for c in t.calls]
        for t in (real, without)
    ]
    assert shown[0] == shown[1]
    # Some operations give empty statistics where others give small ones.
    assert real.working_bytes == pytest.approx(without.working_bytes, rel=0.01)


class Shared(nn.Module):
    """One module called twice, one that isn't called at all."""

    def __init__(self):
        super().__init__()
        self.layer, self.spare, self.head = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x):
        return self.head(self.layer(self.layer(x)))


def test_calls_are_counted():
    trace = trace_network(Shared(), torch.zeros(3, 4))
    assert [(call.module, call.number) for call in trace.calls] == [
        ("layer", 1),
        ("layer", 2),
        ("head", 1),
        ("", 1),
    ]
    assert trace.uncalled == {"spare"}


@dataclass
class Output:
    loss: object
    logits: torch.Tensor


class Structured(nn.Module):
    """Gives what a network may give: None, whole numbers, a tuple, a dict, a dataclass."""

    def __init__(self, kind):
        super().__init__()
        self.inner = nn.Linear(4, 4)
        self.odd = Odd(kind)
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        y = self.inner(x)
        self.odd(hidden=y)
        return {"loss": None, "logits": self.head(y)}


class Odd(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.kind = kind

    def forward(self, *, hidden):
        return {
            "none": None,
            "whole": hidden.argmax(1),
            "tuple": (None, hidden.sum(), [hidden * 2, hidden[:1]]),
            "dict": {"count": 3, "hidden": hidden * 2},
            "dataclass": Output(None, hidden * 2),
        }[self.kind]


@pytest.mark.parametrize("kind", ["none", "whole", "tuple", "dict", "dataclass"])
def test_of_a_structure_the_first_tensor_with_a_row_per_image_counts(kind):
    call = calls_of(Structured(kind), torch.zeros(3, 4))["odd", 1]
    assert call.taken.shape == (3, 4)  # given by its keyword
    if kind in ("none", "whole"):
        assert call.given is None
    else:
        assert call.given.shape == (3, 4)


def test_attention_counts_its_projections():
    attention = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    network = nn.Sequential(nn.Linear(3, 8), attention, nn.Flatten(), nn.Linear(40, 2))
    trace = trace_network(network, torch.zeros(3, 5, 3))
    depths = {call.module: call.given.depth for call in trace.calls}
    assert [depths[name] for name in ("0", "1.self_attn", "1", "3")] == [1, 3, 5, 6]


class Own(torch.autograd.Function):
    """An operation of the user's own, that torch knows no name of."""

    @staticmethod
    def forward(ctx, x):
        return x * torch.sigmoid(x)


def test_own_operations_and_scripts_do_not_break_the_chain():
    class Custom(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.head = nn.Linear(4, 4), nn.Linear(4, 2)
            self.script = torch.jit.trace(nn.Sequential(nn.Linear(4, 4)), torch.zeros(3, 4))

        def forward(self, x):
            return self.head(self.script(Own.apply(self.first(x))))

    with pytest.warns(FutureWarning, match="jit"):
        network = Custom()
    trace = trace_network(network, torch.zeros(3, 4))
    assert {c.module for c in trace.calls if c.given and c.given.on_trunk} >= {"first", "head", ""}


def test_working_bytes_are_the_most_alive_at_once():
    # 4 channels of 8 x 8 float32 are 1,024 bytes: a layer's input and output at once, and the
    # images (256 bytes), which the caller holds.
    network = nn.Sequential(*[nn.Conv2d(i, 4, 1, bias=False) for i in (1, 4, 4, 4)])
    trace = trace_network(network, torch.zeros(3, 1, 8, 8))
    assert trace.working_bytes == 256 + 2 * 1024


class TestLeavesNoTrace:
    def test_of_hooks_modes_and_numbers(self):
        network = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)).train()
        network[1].eval()
        before = {key: value.clone() for key, value in network.state_dict().items()}
        trace_network(network, torch.randn(8, 4))
        assert [m.training for m in network] == [True, False, True]
        assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())
        assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())

    def test_even_where_the_pass_fails(self):
        class Fails(nn.Module):
            def forward(self, x):
                raise ArithmeticError("on purpose")

        network = nn.Sequential(nn.Linear(4, 4), Fails()).train()
        with pytest.raises(ArithmeticError, match="on purpose"):
            trace_network(network, torch.randn(8, 4))
        assert all(module.training for module in network.modules())
        assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())

    def test_of_activations_in_memory(self):
        kept = []

        class Peek(nn.Module):
            def forward(self, x):
                kept.append(weakref.ref(x))
                return x

        network = nn.Sequential(nn.Linear(4, 4), Peek(), nn.Linear(4, 2))
        trace = trace_network(network, torch.randn(3, 4))
        assert kept[0]() is None
        assert trace.num_images == 3


def test_what_cannot_be_traced_is_told():
    with pytest.raises(TrialFailure, match="no floating tensor that depends on its input"):
        trace_network(Constant(), torch.zeros(2, 3))
    with pytest.raises(ValueError, match="2 or more images"):
        trace_network(Shared(), torch.zeros(1, 4))


class Constant(nn.Module):
    def forward(self, x):
        return torch.ones(len(x), 2)
