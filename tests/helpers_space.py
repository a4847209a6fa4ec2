"""The Space as a process of its own, and a browser to visit it."""

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

SPACE = Path(__file__).parents[1] / "space"
EXAMPLES = SPACE / "examples"
PATIENCE = 120  # seconds; a busy machine starts slowly
LAUNCH = """
import runpy, sys
sys.path.insert(0, sys.argv[1])
from aullm_space import limits
limits.FILES_KEPT_SECONDS = int(sys.argv[2]) or limits.FILES_KEPT_SECONDS
limits.CHECKED_EVERY_SECONDS = 1
sys.path.insert(0, sys.argv[3])
exec(sys.argv[4])
runpy.run_path(sys.argv[1] + "/app.py", run_name="__main__")
"""


class SpaceServer:
    """The running page, in a temporary folder of its own.

    Args:
        folder: The temporary folder.
        files_kept_seconds: How long uploads are kept; 0 for as long as ever.
        prepare: Python code that is run before the page is built.

    Attributes:
        url: Its address.
        cache: Folder of uploads and downloads.
    """

    def __init__(self, folder: Path, files_kept_seconds: int = 0, prepare: str = "") -> None:
        self.cache, self.log = folder / "cache", folder / "log.txt"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/"
        settings = {"GRADIO_SERVER_PORT": str(port), "GRADIO_TEMP_DIR": str(self.cache)}
        settings |= {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}  # beside a browser, more threads only wait
        self.process = subprocess.Popen(
            [sys.executable, "-c", LAUNCH, str(SPACE), str(files_kept_seconds), str(Path(__file__).parent), prepare],
            env=os.environ | settings, stdout=self.log.open("w"), stderr=subprocess.STDOUT, cwd=folder,
        )  # fmt: skip

    def __enter__(self) -> "SpaceServer":
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                urlopen(self.url, timeout=5)
                return self
            except (URLError, TimeoutError):
                time.sleep(0.2)
        self.process.kill()
        raise AssertionError(f"the page did not start:\n{self.log.read_text()}")

    def __exit__(self, *error: object) -> None:
        self.process.terminate()
        self.process.wait(20)
        assert "Traceback" not in self.log.read_text(), self.log.read_text()

    def files(self) -> list[Path]:
        """Everything on disk that visitors gave or were given."""
        return [path for path in self.cache.rglob("*") if path.is_file()]


def launch_browser(playwright, *arguments):
    """Debian's Chromium; only outside CI may it be missing."""
    chromium = shutil.which("chromium")
    if chromium is None and not os.environ.get("CI"):
        pytest.skip("chromium is not installed (apt-get install chromium)")
    assert chromium, "CI installs chromium"
    return playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", *arguments])


def open_page(browser, server, width=1280, height=900, **settings):
    """The page in a fresh browser profile; `page.outside` collects requests to other machines."""
    page = browser.new_context(viewport={"width": width, "height": height}, **settings).new_page()
    page.set_default_timeout(PATIENCE * 1000)
    page.outside = []
    page.on("request", lambda request: page.outside.append(request.url) if _is_outside(request.url, server) else None)
    page.goto(server.url)
    page.locator("button.card").first.wait_for()
    page.get_by_role("button", name="Find action units").wait_for()
    return page


def _is_outside(url, server):
    return not url.startswith((server.url, "data:", "blob:"))


def questions(page):
    """A list that grows by the values of each question that the page puts."""
    sent = []
    page.on(
        "request", lambda request: sent.append(request.post_data_json["data"]) if "queue/join" in request.url else None
    )
    return sent


def upload(page, path):
    """Put a video into the form."""
    clear = page.locator("#video").get_by_role("button", name="Clear")
    if clear.count():
        clear.click()
    page.locator("#video input[type=file]").set_input_files(path)
    page.locator("#video video").wait_for(state="attached")


def find(page):
    """Press the button."""
    page.get_by_role("button", name="Find action units").click()


def wait_for_result(page, text="Done"):
    """Wait for the status to tell something."""
    page.locator("#status .status", has_text=text).wait_for()


def unit_numbers(page, table="#units table.units"):
    """Code and last number of each row of a table of units."""
    rows = page.locator(f"{table} tbody tr")
    rows.first.wait_for()
    return {row.get_attribute("data-unit"): float(row.locator(".number").last.inner_text()) for row in rows.all()}
