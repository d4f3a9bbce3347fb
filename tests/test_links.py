"""What checks the built site finds what is wrong with one."""

from docs.links import main, problems

PAGE = """<html><body><h1 id="top">A</h1>
<a href="b.html#there">good</a> <a href="https://www.pymc.io">out</a> <a href="#top">up</a>
<a href="b.html#nowhere">bad</a> <a href="c.html">bad</a>
<img src="a.png" alt="A picture of a."> <img src="a.png"> <p id="top"></p>
</body></html>"""


def test_dead_links_and_untold_pictures_are_found(tmp_path, capsys):
    (tmp_path / "a.html").write_text(PAGE)
    (tmp_path / "b.html").write_text('<p id="there">b</p>')
    (tmp_path / "a.png").write_bytes(b"")
    assert problems(tmp_path) == [
        "a.html: a picture without an alternative text: a.png",
        "a.html: the id 'top' is given twice",
        "a.html: 'b.html#nowhere' leads to no such place of its page",
        "a.html: 'c.html' leads to no file",
    ]
    assert main(str(tmp_path)) == 1
    assert capsys.readouterr().out.endswith("2 pages, 4 problems\n")


def test_a_good_site_and_an_empty_one(tmp_path, capsys):
    assert main(str(tmp_path)) == 1  # nothing was built
    (tmp_path / "b.html").write_text('<p id="there">b</p><a href="b.html#there">self</a>')
    assert main(str(tmp_path)) == 0
    assert "1 pages, 0 problems" in capsys.readouterr().out
