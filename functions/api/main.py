"""The function that answers HTTP."""

from common.bootstrap.api import build
from common.entry import aws, gcp

handler = aws.http(build)
http = gcp.http(build, replace_routes=True)
