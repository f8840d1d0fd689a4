# SPDX-License-Identifier: Apache-2.0
"""FastAPI and Starlette under our hooks and under OpenTelemetry's instrumentors."""

from types import ModuleType

import pytest

from tests.comparison import fastapi_corpus, starlette_corpus
from tests.comparison.harness import compare
from tests.support.old_image import old_image

CORPORA = [fastapi_corpus, starlette_corpus]


def name(corpus: ModuleType) -> str:
    return corpus.__name__.rpartition(".")[2]


@pytest.mark.parametrize(
    ("corpus", "case"),
    [pytest.param(name(corpus), case, id=f"{name(corpus)}-{case}") for corpus in CORPORA for case in corpus.requests()],
)
@pytest.mark.xdist_group("comparison of ASGI")
def test_the_same_comes_of(corpus: str, case: str) -> None:
    wanted, own = compare(corpus).cases[case]
    assert own == wanted


@pytest.mark.parametrize("corpus", CORPORA, ids=name)
@pytest.mark.xdist_group("comparison of ASGI")
def test_the_corpus_is_large_and_each_difference_is_there(corpus: ModuleType) -> None:
    comparison = compare(name(corpus))
    assert len(comparison.cases) >= 60
    assert {rule.name for rule in corpus.RULES} - comparison.used == set()


@pytest.mark.parametrize("corpus", CORPORA, ids=name)
@pytest.mark.xdist_group("old image")
def test_on_old_images_too(corpus: ModuleType) -> None:
    cases = compare(name(corpus), str(old_image() / "python")).cases
    assert len(cases) >= 60
    for case, (wanted, own) in cases.items():
        assert own == wanted, case
