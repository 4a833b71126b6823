"""The protocol behind a real nginx, configured as docs/live.md says.

VAYU_TEST_NGINX names the folder into which ``scripts/nginx install`` has unpacked one.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from live_process import producer_of, running_live
from processes import free_port, temporary_folder
from protocol_suite import ProtocolSuite, StreamSuite, Target
from tier_servers import fresh_database

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "nginx"
AROUND = """
worker_processes 1;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    {page}
}}
"""


def configuration(listen: int, live: int) -> str:
    """What the page says, with these ports."""
    page = (ROOT / "docs" / "live.md").read_text(encoding="utf-8")
    [block] = re.findall(r"^```nginx\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    return AROUND.format(
        page=block.replace("listen 8000", f"listen 127.0.0.1:{listen}").replace("8081", str(live))
    )


@pytest.fixture(scope="module")
def target(server: str, template: str) -> Iterator[Target]:
    installed = os.environ.get("VAYU_TEST_NGINX")
    if not installed:
        pytest.skip("nginx (VAYU_TEST_NGINX is not set; see scripts/nginx)")
    with (
        temporary_folder("vayu nginx ") as folder,
        fresh_database(server, f"TEMPLATE {template}") as url,
        producer_of(url) as producer,
    ):
        producer.lose_the_oldest()
        with running_live(url, folder, VAYU_TRUSTED_PROXIES="1") as live:
            port = free_port()
            (folder / "root").symlink_to(Path(installed).absolute() / "root")
            config = folder / "nginx.conf"
            config.write_text(configuration(port, live.port), encoding="utf-8")
            subprocess.run([SCRIPT, "start", folder, config], check=True, timeout=60)
            try:
                address = f"127.0.0.1:{port}"
                yield Target(f"ws://{address}/live/ws", producer, f"http://{address}/api/v1/events")
            finally:
                subprocess.run([SCRIPT, "stop", folder], check=True, timeout=60)


class TestBehindNginx(ProtocolSuite, StreamSuite):
    """Every test of the suite."""
