"""GPT-2's circuits, which come with Headlight: against what others published, and against what the pictures show."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from transformers import GPT2Config, GPT2LMHeadModel

from scripts.build_circuits import attention_of, main
from utils.circuits.composition import compute_composition
from utils.circuits.head_circuits import compute_model_circuits, copying_through_embedding
from utils.circuits.shipped import FILES, FOLDER, ShippedCircuits, _load, save_shipped, shipped_circuits
from utils.circuits.weights import model_weights
from utils.errors import UserError
from utils.heads import HeadId
from utils.literature import published_scores
from utils.literature.copying import PublishedCopying, copying_matrix, published_copying
from utils.model_config import FAMILIES
from utils.models.files import local_model_dir
from utils.models.loader import LoadedModel, load_model_from
from utils.settings import Settings

WRITER = HeadId(4, 11)
READERS = [HeadId(6, 9), HeadId(5, 1), HeadId(5, 5), HeadId(7, 10)]


@pytest.fixture(scope="module")
def gpt2() -> ShippedCircuits:
    shipped = shipped_circuits("gpt2")
    assert shipped is not None
    return shipped


@pytest.fixture(scope="module")
def k_fits(gpt2):
    return gpt2.compositions["K"]


def test_every_copying_score_is_the_published_one(gpt2):
    published = published_copying("gpt2")
    np.testing.assert_allclose(gpt2.circuits.copying_scores, copying_matrix(published.ov), atol=0.005)
    assert published.source.url.startswith("https://github.com/TransformerLensOrg/TransformerLens/")
    assert "modified MIT licence" in gpt2.source
    assert "sha256:" in gpt2.source


def test_published_copying_scores_name_their_source_and_a_damaged_matrix_is_refused():
    published = published_copying("gpt2")
    for rows in (published.ov, published.through_embedding):
        assert copying_matrix(rows).shape == (12, 12)
    assert "Main Demo" in published.source.title
    assert published_copying("classroom-gpt2") is None
    body = published.model_dump()
    with pytest.raises(ValueError, match="not all of one shape"):
        PublishedCopying(**{**body, "ov": (*body["ov"][:11], body["ov"][11][:5])})
    with pytest.raises(ValueError, match="less than or equal to 1"):
        PublishedCopying(**{**body, "ov": ((1.5,),), "through_embedding": ((0.5,),)})


def test_the_file_is_small_and_needs_no_pickle():
    path = FOLDER / FILES["gpt2"]
    assert path.stat().st_size < 400_000
    with np.load(path, allow_pickle=False) as file:
        assert all(file[name].dtype.kind in "fU" for name in file.files)


def test_the_previous_token_head_is_the_best_of_all_for_each_induction_head(k_fits):
    multiples = [k_fits.multiple(WRITER, reader) for reader in READERS]
    assert multiples == pytest.approx([2.87, 2.83, 2.69, 2.48], abs=0.02)
    assert [k_fits.fit(WRITER, reader).score for reader in READERS] == pytest.approx(
        [0.103, 0.102, 0.097, 0.090], abs=6e-4
    )
    assert [k_fits.rank_of(WRITER, reader) for reader in READERS] == [(1, 72), (1, 60), (1, 60), (1, 84)]
    previous, induction = (published_scores("gpt2")[role] for role in ("previous_token", "induction"))
    assert previous[WRITER] == previous.max()
    assert min(induction[reader] for reader in READERS) > 0.9


def test_by_the_score_alone_narrow_pairs_come_first(k_fits):
    assert k_fits.n_pairs == np.isfinite(k_fits.scores).sum() == 9504
    first = k_fits.best(108)
    assert (first[0].writer, first[0].reader) == (HeadId(1, 8), HeadId(10, 9))
    assert first[0].score == pytest.approx(0.234, abs=5e-4)
    assert (first[107].writer, first[107].reader) == (WRITER, READERS[0])
    assert max(fit.breadth for fit in first[:107]) <= 4


def test_among_broad_pairs_the_induction_circuit_comes_first(k_fits):
    assert k_fits.broad_from == 16
    assert (k_fits.breadth >= 16).sum() == 6262
    assert k_fits.random_breadth == pytest.approx(28, abs=0.5)
    assert k_fits.fit(WRITER, HeadId(5, 5)).breadth == pytest.approx(36, abs=0.5)
    broad = [fit for fit in k_fits.best(k_fits.n_pairs) if fit.breadth >= k_fits.broad_from]
    pairs = [(fit.writer, fit.reader) for fit in broad[:7]]
    assert [pairs.index((WRITER, reader)) + 1 for reader in READERS] == [1, 2, 4, 7]


def test_the_head_without_a_job_that_fits_nearly_as_well_is_there(k_fits):
    shares = [k_fits.multiple((4, 7), reader) / k_fits.multiple(WRITER, reader) for reader in READERS]
    assert np.mean(shares) == pytest.approx(0.93, abs=0.01)


def test_random_heads_fit_as_the_pictures_say(gpt2):
    for composition in gpt2.compositions.values():
        assert composition.baseline == pytest.approx(0.0361, abs=5e-5)
        assert composition.baseline_spread == pytest.approx(0.0005, abs=1e-4)


def test_other_models_ship_without_results():
    assert shipped_circuits("classroom-gpt2") is None


def small_gpt2() -> LoadedModel:
    """A random model of three layers with two heads of 64 each."""
    torch.manual_seed(0)
    config = GPT2Config(n_layer=3, n_head=2, n_embd=128, n_positions=40, vocab_size=50)
    model = GPT2LMHeadModel(config).eval().requires_grad_(False)
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    return LoadedModel("small", FAMILIES["gpt2"], model, None, config, None)


def compute(loaded: LoadedModel) -> ShippedCircuits:
    heads = model_weights(loaded)
    compositions = {kind: compute_composition(heads, loaded.shape, kind) for kind in "QKV"}
    return ShippedCircuits("of a test", compute_model_circuits(loaded), compositions)


def test_what_is_saved_is_what_is_read(tmp_path):
    saved = compute(small_gpt2())
    save_shipped(tmp_path / "saved.npz", saved)
    read = _load(tmp_path / "saved.npz")
    assert read.source == "of a test"
    assert read.circuits.norm_note == saved.circuits.norm_note
    for name in ("copying_scores", "qk_singular_values", "ov_singular_values", "positional_kernels"):
        np.testing.assert_allclose(getattr(read.circuits, name), getattr(saved.circuits, name), rtol=1e-3, atol=1e-3)
    for kind in "QKV":
        np.testing.assert_array_equal(read.compositions[kind].scores, saved.compositions[kind].scores)
        np.testing.assert_array_equal(read.compositions[kind].breadth, saved.compositions[kind].breadth)
        assert read.compositions[kind].baseline == saved.compositions[kind].baseline
        assert read.compositions[kind].broad_from == saved.compositions[kind].broad_from
    with pytest.raises(ValueError, match="read-only"):
        read.circuits.copying_scores[0, 0] = 0


@pytest.mark.parametrize("prefix", ["transformer.", ""])
def test_attention_weights_alone_give_the_circuits_of_the_whole_model(prefix):
    whole = small_gpt2()
    names = ("attn.c_attn", "attn.c_proj", "ln_1", "wpe")
    weights = {
        prefix + name.removeprefix("transformer."): weight
        for name, weight in whole.model.state_dict().items()
        if any(part in name for part in names)
    }
    alone = attention_of(weights)
    expected = compute_model_circuits(whole)
    np.testing.assert_array_equal(compute_model_circuits(alone).copying_scores, expected.copying_scores)
    np.testing.assert_array_equal(compute_model_circuits(alone).positional_kernels, expected.positional_kernels)
    del weights[f"{prefix}h.1.ln_1.bias"]
    with pytest.raises(UserError, match=r"lacks transformer\.h\.1\.ln_1\.bias"):
        attention_of(weights)
    del weights[f"{prefix}wpe.weight"]
    with pytest.raises(UserError, match="no position embeddings"):
        attention_of(weights)


def test_the_script_writes_nothing_from_other_weights(tmp_path, capsys):
    weights, output = tmp_path / "model.safetensors", tmp_path / "circuits.npz"
    arguments = ["--weights", str(weights), "--output", str(output)]
    assert main(arguments) == 1
    assert "cannot be read" in capsys.readouterr().err
    whole = {name: weight.clone() for name, weight in small_gpt2().model.state_dict().items()}
    save_file(whole, weights)
    assert main(arguments) == 1
    assert "not the weights of GPT-2 small" in capsys.readouterr().err
    assert not output.exists()


def test_the_script_refuses_weights_whose_copying_scores_were_not_published(tmp_path, capsys, monkeypatch):
    weights, output = tmp_path / "model.safetensors", tmp_path / "circuits.npz"
    save_file({name: weight.clone() for name, weight in small_gpt2().model.state_dict().items()}, weights)
    loaded = small_gpt2()
    scores = compute_model_circuits(loaded).copying_scores

    def published(wrong_by: float):
        shifted = tuple(map(tuple, (scores + wrong_by).tolist()))
        return published_copying("gpt2").model_copy(update={"ov": shifted})

    monkeypatch.setattr("scripts.build_circuits.published_copying", lambda _: published(wrong_by=0.01))
    arguments = ["--weights", str(weights), "--output", str(output)]
    assert main(arguments) == 1
    assert "differ from the published ones by 0.010" in capsys.readouterr().err
    assert not output.exists()
    monkeypatch.setattr("scripts.build_circuits.published_copying", lambda _: published(wrong_by=0.001))
    assert main(arguments) == 0
    np.testing.assert_array_equal(_load(output).circuits.copying_scores, scores)


@pytest.mark.needs_weights
def test_copying_scores_through_the_embedding_are_the_published_ones():
    folder = local_model_dir("gpt2", Settings.from_environment())
    if folder is None:
        pytest.skip("the weights of GPT-2 ARE NOT HERE: copying scores through the embedding were NOT compared")
    loaded = load_model_from(folder, "gpt2")
    published = copying_matrix(published_copying("gpt2").through_embedding)
    for head in [HeadId(0, 1), HeadId(5, 1), HeadId(9, 9), HeadId(10, 7), HeadId(11, 10)]:
        assert copying_through_embedding(loaded, head) == pytest.approx(published[head], abs=0.005)
