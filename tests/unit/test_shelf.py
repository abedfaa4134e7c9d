"""Tables kept on disk: the same bits, never stale, never half written, and never needed."""

import numpy as np
import pytest

from simkit.plan import shelf, tables
from simkit.scenario.shapes import Gamma, Lognormal

SHAPE = Gamma(0.7123)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty place for tables, and nothing remembered in this process."""
    monkeypatch.setattr(shelf, "folder", lambda: tmp_path / "tables")
    tables.table.cache_clear()
    yield tmp_path / "tables"
    tables.table.cache_clear()


def counted(monkeypatch):
    """The shapes whose tables are computed from now on."""
    computed, compute = [], tables._cells
    monkeypatch.setattr(tables, "_cells", lambda shape: computed.append(shape) or compute(shape))
    return computed


def again(shape):
    """Its table, as another process would get it."""
    tables.table.cache_clear()
    return tables.table(shape)


def test_a_slow_table_is_computed_once_and_has_the_same_bits(folder, monkeypatch):
    computed = counted(monkeypatch)
    first, second = again(SHAPE), again(SHAPE)
    assert computed == [SHAPE]
    assert first.tobytes() == second.tobytes()
    assert [file.suffix for file in folder.iterdir()] == [".npy"]
    again(Gamma(0.7124))
    assert len(computed) == 2


def test_a_quick_table_is_not_kept(folder):
    again(Lognormal(0.5))
    assert not folder.exists()


@pytest.mark.parametrize("spoilt", [b"", b"\x93NUMPY", b"no table", None])
def test_a_spoilt_file_is_replaced(folder, spoilt):
    whole = again(SHAPE)
    (file,) = folder.iterdir()
    if spoilt is None:
        np.save(file, np.zeros((3, 2)))
    else:
        file.write_bytes(spoilt)
    assert np.array_equal(again(SHAPE), whole)
    assert np.array_equal(np.load(file), whole)


def test_another_scipy_has_tables_of_its_own(folder, monkeypatch):
    again(SHAPE)
    monkeypatch.setattr("scipy.__version__", "0.0")
    again(SHAPE)
    assert len(list(folder.iterdir())) == 2


def test_where_nothing_can_be_written_it_is_computed(folder):
    folder.parent.joinpath("tables").write_text("a file where the folder should be")
    assert np.isfinite(again(SHAPE)).all()


def test_the_oldest_tables_go(folder, monkeypatch):
    monkeypatch.setattr(shelf, "KEPT", 2)
    for k in (0.5, 0.6, 0.7):
        again(Gamma(k))
    assert len(list(folder.iterdir())) == 2
