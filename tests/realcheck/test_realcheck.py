"""The real clients against their presets (README.md here): slow, and only where their packages are installed."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from case import cases, read_case
from compare import Count
from provider import Provider

HERE = Path(__file__).parent
MISSING = [name for name in ("litellm", "openai") if find_spec(name) is None]
NAMES = [path.stem for path in cases()]


@pytest.fixture(scope="session")
def told() -> str:
    """What `compare.py` says of all cases, in processes of their own: the packages warn when imported, keep state."""
    done = subprocess.run([sys.executable, HERE / "compare.py", "--calls"], capture_output=True, text=True)
    return done.stdout + done.stderr


@pytest.mark.realcheck
@pytest.mark.slow
@pytest.mark.skipif(bool(MISSING), reason=f'{", ".join(MISSING)} missing: pip install -e ".[dev,realcheck]"')
@pytest.mark.parametrize("name", NAMES)
def test_a_real_client_does_what_its_preset_does(name: str, told: str) -> None:
    if f"\n{name}: too busy\n" in told:
        pytest.skip("the machine is too busy to tell: it stood still for too long")
    assert f"\n{name}: well\n" in told, told


def test_what_is_close() -> None:
    assert Count("retries", 100, 105).is_close(1) and not Count("retries", 100, 106).is_close(1)
    assert Count("retries", 4, 4).is_close(1) and not Count("retries", 4, 5).is_close(1), "few calls are no excuse"
    assert Count("fallbacks", 0, 0).is_close(1) and not Count("fallbacks", 0, 1).is_close(1)
    assert Count("wait before a retry, s", 1, 1.19).is_close(1) and not Count(
        "wait before a retry, s", 1, 1.21
    ).is_close(1)
    assert Count("time of a failure, s", 1, 1.45).is_close(1) and not Count("time of a failure, s", 1, 1.55).is_close(1)


@pytest.mark.parametrize("path", cases(), ids=lambda path: path.stem)
def test_the_provider_is_the_simulators(path: Path) -> None:
    """Asked what the simulator asked, when it asked, the provider says what the simulator's says."""
    case = read_case(path)
    provider, log = Provider(case.plan, case.asked, 1), case.log.attempts
    columns = ("dispatched", "action", "deployment", "rung", "attempt", "outcome", "retry_after")
    rows = sorted(row for row in zip(*(log[name].tolist() for name in columns), strict=True) if row[2] >= 0)
    assert len(rows) > len(case.measured) / 3
    for at, action, deployment, rung, number, outcome, retry_after in rows:
        sent = provider.receive(action, deployment, at)
        assert (sent.rung, sent.number, sent.retry_after) == (rung, number, retry_after)
        assert int(sent.kind) == outcome or outcome >= 14  # cut short by the end of the run
