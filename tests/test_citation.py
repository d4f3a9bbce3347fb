"""What the site gives to cite is what CITATION.cff says."""

import yaml

from docs import citation


def test_the_file_is_made_from_the_citation():
    source = yaml.safe_load(citation.SOURCE.read_text(encoding="utf-8"))
    assert citation.TARGET.read_text(encoding="utf-8") == citation.bibtex(source)


def test_every_work_has_an_entry_with_its_doi():
    text = citation.TARGET.read_text(encoding="utf-8")
    source = yaml.safe_load(citation.SOURCE.read_text(encoding="utf-8"))
    dois = [work["doi"] for work in source["references"]]
    assert len(dois) == 3
    page = citation.TARGET.with_suffix(".md").read_text(encoding="utf-8")
    for doi in dois:
        assert f"doi = {{{doi}}}" in text
        assert f"https://doi.org/{doi}" in page
    assert text.count("@") == 1 + len(dois)
