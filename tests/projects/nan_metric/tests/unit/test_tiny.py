from tiny import load


def test_load(tmp_path):
    (tmp_path / "rows.csv").write_text("age,bought\n30,yes\n")
    assert load(tmp_path).shape == (1, 2)
