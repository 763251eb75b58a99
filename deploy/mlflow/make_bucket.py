"""Make the bucket of MLFLOW_ARTIFACTS_DESTINATION (s3://BUCKET/...) if there is none.

Server and credentials come from the environment, as MLflow takes them:
MLFLOW_S3_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY.
"""

import os
import sys
from urllib.parse import urlsplit

import boto3
from botocore.exceptions import ClientError


def main() -> None:
    """Exits with a line if the server refuses; waits for nothing, so let it be started again."""
    bucket = urlsplit(os.environ["MLFLOW_ARTIFACTS_DESTINATION"]).netloc
    client = boto3.client("s3", endpoint_url=os.environ.get("MLFLOW_S3_ENDPOINT_URL"))
    try:
        client.head_bucket(Bucket=bucket)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
            sys.exit(f"bucket {bucket}: {error}")
        client.create_bucket(Bucket=bucket)


if __name__ == "__main__":
    main()
