"""The dashboard on AWS: the same routes, headers and caching as the API's own process gives it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto.server import ThreadedMotoServer
from obstore.store import S3Store, from_url
from templates import ROOT, read

from common.api.middleware.dashboard import PAGE_HEADERS

sys.path.insert(0, str(ROOT))
from scripts.upload_dashboard import upload

if TYPE_CHECKING:
    from collections.abc import Iterator

    from obstore.store import ObjectStore

TEMPLATE = read("template.yaml")
RESOURCES = TEMPLATE["Resources"]
DISTRIBUTION = RESOURCES["DashboardDistribution"]["Properties"]["DistributionConfig"]
BROWSER = "text/html,application/xhtml+xml,*/*;q=0.8"
ALL = "gzip, deflate, br, zstd"


def node() -> str:
    of_the_environment = Path(sys.prefix, "bin", "node")
    program = str(of_the_environment) if of_the_environment.exists() else shutil.which("node")
    if program is None:
        pytest.skip("there is no Node here: make dashboard installs it")
    return program


def routed(requests: list[tuple[str, str, str]]) -> list[str]:
    """The object that the distribution asks the bucket for: of (path, Accept, Accept-Encoding)."""
    events = [
        {
            "request": {
                "uri": uri,
                "headers": {
                    name: {"value": value}
                    for name, value in (("accept", accept), ("accept-encoding", encodings))
                    if value
                },
            }
        }
        for uri, accept, encodings in requests
    ]
    code = RESOURCES["DashboardRoutes"]["Properties"]["FunctionCode"]
    program = f"{code}\nconsole.log(JSON.stringify({json.dumps(events)}.map((event) => handler(event).uri)));"
    done = subprocess.run([node(), "-e", program], capture_output=True, text=True, check=True)
    result: list[str] = json.loads(done.stdout)
    return result


def test_addresses_of_pages_lead_to_the_page_and_files_to_themselves() -> None:
    cases = {
        ("/", "", ""): "/index.html",
        ("/", BROWSER, ALL): "/index.html.br",
        ("/city/delhi", BROWSER, ""): "/index.html",
        ("/city/delhi/", BROWSER, ALL): "/index.html.br",
        ("/city/delhi", "application/json", ALL): "/city/delhi",
        ("/nothing.png", BROWSER, ALL): "/nothing.png",
        ("/assets/a-12345678.js", "*/*", ALL): "/assets/a-12345678.js.br",
        ("/assets/a-12345678.js", "*/*", "gzip"): "/assets/a-12345678.js",
        ("/assets/a-12345678.js", "*/*", "gzip, br;q=0"): "/assets/a-12345678.js",
        ("/assets/a-12345678.js", "*/*", "br;q=0.000"): "/assets/a-12345678.js",
        ("/assets/a-12345678.js", "*/*", "br; q=0.5"): "/assets/a-12345678.js.br",
        ("/assets/a-12345678.js", "*/*", "xbr"): "/assets/a-12345678.js",
        ("/icon-192.png", "*/*", ALL): "/icon-192.png",
        ("/assets/model-12345678.wasm", "*/*", ALL): "/assets/model-12345678.wasm.br",
    }
    assert dict(zip(cases, routed(list(cases)), strict=True)) == cases


def test_the_build_compresses_what_the_function_asks_for() -> None:
    requested = re.search(r"/\\\.\((.*)\)\$/", RESOURCES["DashboardRoutes"]["Properties"]["FunctionCode"])
    made = re.search(r"/\\\.\((.*)\)\$/", (ROOT / "dashboard" / "build" / "precompress.ts").read_text())
    assert requested
    assert made
    assert set(requested[1].split("|")) == set(made[1].split("|"))


def test_the_headers_are_those_of_the_apis_own_process() -> None:
    config = RESOURCES["DashboardHeaders"]["Properties"]["ResponseHeadersPolicyConfig"]
    security = config["SecurityHeadersConfig"]
    policy = security["ContentSecurityPolicy"]["ContentSecurityPolicy"]["Fn::Sub"]
    live = RESOURCES["ApiFunction"]["Properties"]["Environment"]["Variables"]["VAYU_LIVE_URL"]["Fn::Sub"]
    origin = live.rpartition("/")[0]
    assert f"connect-src 'self' {origin};" in policy  # the API's process adds that of its VAYU_LIVE_URL, too
    sent = {
        "Content-Security-Policy": policy.replace(f" {origin};", ";"),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": security["FrameOptions"]["FrameOption"],
        "Referrer-Policy": security["ReferrerPolicy"]["ReferrerPolicy"],
        **{item["Header"]: item["Value"] for item in config["CustomHeadersConfig"]["Items"]},
    }
    assert sent == PAGE_HEADERS
    assert all(item["Override"] for item in [*security.values(), *config["CustomHeadersConfig"]["Items"]])
    assert security["StrictTransportSecurity"]["AccessControlMaxAgeSec"] == 31536000
    assert DISTRIBUTION["DefaultCacheBehavior"]["ResponseHeadersPolicyId"] == {"Ref": "DashboardHeaders"}


def test_the_api_is_behind_the_same_address_and_keeps_its_errors() -> None:
    behaviours = {
        cachebehavior["PathPattern"]: cachebehavior for cachebehavior in DISTRIBUTION["CacheBehaviors"]
    }
    assert set(behaviours) == {"/api/*", "/docs", "/docs/", "/openapi.json"}
    for behaviour in behaviours.values():
        assert behaviour["TargetOriginId"] == "api"
        assert "POST" in behaviour["AllowedMethods"]
        assert behaviour["CachePolicyId"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"  # CachingDisabled
        assert behaviour["OriginRequestPolicyId"] == "b689b0a8-53d0-40ab-baf2-68738e2966ac"
        assert "FunctionAssociations" not in behaviour
    assert "CustomErrorResponses" not in DISTRIBUTION  # a 404 of the API would become a page


def test_only_the_distribution_is_believed_about_who_asks() -> None:
    [origin] = [item for item in DISTRIBUTION["Origins"] if item["Id"] == "api"]
    [header] = origin["OriginCustomHeaders"]
    variables = RESOURCES["ApiFunction"]["Properties"]["Environment"]["Variables"]
    assert header == {"HeaderName": "X-Vayu-Proxy", "HeaderValue": variables["VAYU_PROXY_TOKEN"]}
    assert variables["VAYU_TRUSTED_PROXIES"] == "2"


def test_the_bucket_is_private() -> None:
    bucket = RESOURCES["DashboardBucket"]["Properties"]
    assert all(bucket["PublicAccessBlockConfiguration"].values())
    statements = RESOURCES["DashboardBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    [allowed] = [statement for statement in statements if statement["Effect"] == "Allow"]
    assert allowed["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    assert "DashboardDistribution" in allowed["Condition"]["StringEquals"]["AWS:SourceArn"]["Fn::Sub"]
    assert not {action for action in allowed["Action"] if "Put" in action or "*" in action}


def test_a_stack_without_a_dashboard_has_none_of_it() -> None:
    own = {name: resource for name, resource in RESOURCES.items() if name.startswith("Dashboard")}
    assert len(own) == 6
    assert all(item["Condition"] == "HasDashboard" for item in own.values())
    others = json.dumps({name: resource for name, resource in RESOURCES.items() if name not in own})
    assert '"Dashboard' not in others
    outputs = [output for name, output in TEMPLATE["Outputs"].items() if name.startswith("Dashboard")]
    assert all(output["Condition"] == "HasDashboard" for output in outputs)


@pytest.fixture(scope="module")
def bucket() -> Iterator[tuple[Any, ObjectStore]]:
    """An S3 of moto: a client, and what the script uploads to."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    keys = {"aws_access_key_id": "nobody", "aws_secret_access_key": "nothing"}
    client = boto3.client("s3", endpoint_url=endpoint, region_name="ap-south-1", **keys)
    client.create_bucket(Bucket="page", CreateBucketConfiguration={"LocationConstraint": "ap-south-1"})
    store = from_url(
        "s3://page",
        endpoint=endpoint,
        region="ap-south-1",
        access_key_id="nobody",
        secret_access_key="nothing",  # noqa: S106 — a stand-in takes any
        client_options={"allow_http": True},
    )
    assert isinstance(store, S3Store)
    yield client, store
    client.close()
    server.stop()


def release(folder: Path, script: str) -> Path:
    """A built dashboard with a script of that name."""
    (folder / "assets").mkdir(parents=True)
    (folder / ".vite").mkdir()
    (folder / ".vite" / "manifest.json").write_text("{}")
    for name in ("index.html", f"assets/{script}"):
        for ending in ("", ".br", ".gz"):
            (folder / f"{name}{ending}").write_text(f"{name}{ending}")
    (folder / "sw.js").write_text("sw")
    (folder / "manifest.webmanifest").write_text("{}")
    return folder


def test_the_last_release_is_kept_until_the_next(bucket: tuple[Any, ObjectStore], tmp_path: Path) -> None:
    client, store = bucket

    def keys() -> set[str]:
        return {entry["Key"] for entry in client.list_objects_v2(Bucket="page")["Contents"]} - {".release"}

    first = release(tmp_path / "1", "index-aaaaaaaa.js")
    assert upload(first, store) == (6, 0)
    base = {"index.html", "index.html.br", "sw.js", "manifest.webmanifest"}
    a, b, c = ({f"assets/index-{letter * 8}.js", f"assets/index-{letter * 8}.js.br"} for letter in "abc")
    assert keys() == base | a
    assert upload(release(tmp_path / "2", "index-bbbbbbbb.js"), store) == (6, 0)
    assert keys() == base | a | b
    assert upload(tmp_path / "2", store) == (6, 0)  # the same again: what was before it is still kept
    assert keys() == base | a | b
    assert upload(release(tmp_path / "3", "index-cccccccc.js"), store) == (6, 2)
    assert keys() == base | b | c

    statement = {
        name: (
            (result := client.head_object(Bucket="page", Key=name))["ContentType"],
            result["CacheControl"],
            result.get("ContentEncoding"),
        )
        for name in ("index.html", "index.html.br", "assets/index-cccccccc.js.br", "manifest.webmanifest")
    }
    assert statement == {
        "index.html": ("text/html; charset=utf-8", "no-cache", None),
        "index.html.br": ("text/html; charset=utf-8", "no-cache", "br"),
        "assets/index-cccccccc.js.br": (
            "text/javascript; charset=utf-8", "public, max-age=31536000, immutable", "br",
        ),
        "manifest.webmanifest": ("application/manifest+json", "no-cache", None),
    }  # fmt: skip


def test_where_nothing_was_built_it_says_so(bucket: tuple[Any, ObjectStore], tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="make dashboard"):
        upload(tmp_path, bucket[1])
