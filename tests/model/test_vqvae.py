"""The VQ-VAE: chunks against one pass, receptive fields, the codebook's life."""

import copy
import weakref

import pytest
import torch
from torch import Tensor

from jukebox_studio.model.config import PUBLISHED_VQVAE, STARTER_VQVAE, TINY_VQVAE, VQVAEConfig
from jukebox_studio.model.vqvae import (
    VQVAE,
    Codebook,
    ConvUp,
    Decoder,
    Pieces,
    _cuts,
    has_quick_bfloat16,
    layers_of,
)
from jukebox_studio.sampling import native, native_sound, weights

UNEVEN = VQVAEConfig(
    name="uneven",
    sample_rate_hz=8000,
    strides=((4, 2), (6,)),
    widths=((6, 4), (8,)),
    depth=2,
    emb_width=4,
    codebook_size=32,
    multipliers=(2, 1),
)


def random_model(config: VQVAEConfig) -> VQVAE:
    torch.manual_seed(0)
    model = VQVAE(config).eval().requires_grad_(False)
    for level in range(config.levels):
        # Codes where the encoder's outputs lie, so that many are used.
        probe = torch.randn(1, 64 * config.hop_samples(config.levels - 1), 1) * 0.3
        encoded = model.encoder_output(probe, level)
        mean, std = encoded.mean((0, 2)), encoded.std((0, 2))
        size = (config.codebook_size, config.emb_width)
        model.codebook(level).k = mean + std * torch.randn(size)
    return model


def margins(model: VQVAE, audio: Tensor, level: int) -> Tensor:
    rows = model.encoder_output(audio, level).transpose(1, 2)[0]
    best = model.codebook(level).distances(rows).topk(2, largest=False).values
    return best[:, 1] - best[:, 0]


@pytest.mark.parametrize("config", [TINY_VQVAE, UNEVEN, STARTER_VQVAE], ids=lambda c: c.name)
@pytest.mark.parametrize("chunk_codes", [1, 7, 50])
def test_chunks_equal_one_pass(config: VQVAEConfig, chunk_codes: int) -> None:
    model = random_model(config)
    top = config.hop_samples(config.levels - 1)
    audio = torch.randn(2, 150 * top, 1) * 0.3
    for level in range(config.levels):
        if chunk_codes == 1 and config is STARTER_VQVAE:
            continue  # the same code, and minutes of it
        chunk_seconds = chunk_codes * top / config.sample_rate_hz
        whole = model.encode(audio, level, level + 1)[0]
        pieces = model.encode_chunked(audio, level, chunk_seconds)
        clear = torch.stack([margins(model, audio[i : i + 1], level) for i in (0, 1)]) >= 1e-5
        assert clear.float().mean() > 0.9
        assert torch.equal(whole[clear], pieces[clear])
        assert len(whole.unique()) > 8
        decoded = model.decode([whole], level)
        chunked = model.decode_chunked(whole, level, chunk_seconds)
        assert (decoded - chunked).abs().max() <= 1e-5


@pytest.mark.parametrize(("level", "seconds"), [(0, 5.0), (1, 3.0), (2, 3.0)])
def test_chunks_equal_one_pass_at_the_published_shape(level: int, seconds: float) -> None:
    model = random_model(PUBLISHED_VQVAE)
    audio = torch.randn(1, round(seconds * 44_100) // 128 * 128, 1) * 0.3
    whole = model.encode(audio, level, level + 1)[0]
    # A second at a time: several joints, each with its halo (2 x 45,939 samples at level 0).
    pieces = model.encode_chunked(audio, level, 1.0)
    clear = margins(model, audio, level) >= 1e-5
    assert torch.equal(whole[0, clear], pieces[0, clear])
    decoded = model.decode([whole], level)
    assert (decoded - model.decode_chunked(whole, level, 1.0)).abs().max() <= 1e-5


@pytest.mark.parametrize("config", [TINY_VQVAE, UNEVEN, STARTER_VQVAE], ids=lambda c: c.name)
@pytest.mark.parametrize("length", [1, 2, 3, 30])
def test_the_last_two_layers_are_one_without_gradients(config: VQVAEConfig, length: int) -> None:
    model = random_model(config)
    for level, decoder in enumerate(model.decoders):
        for parameter in decoder.parameters():
            torch.nn.init.normal_(parameter, std=0.1)
        vectors = torch.randn(2, config.emb_width, length)
        with torch.enable_grad():
            layer_by_layer = copy.deepcopy(decoder).double()(vectors.double()).detach()
        for threads in (1, 2):  # compiled here, where channels are whole vectors, and torch's
            torch.set_num_threads(threads)
            try:
                with torch.no_grad():
                    at_once = decoder(vectors)
            finally:
                torch.set_num_threads(1)
            assert at_once.shape == (2, 1, length * config.hop_samples(level))
            assert (at_once - layer_by_layer).abs().max() <= 2e-6 * layer_by_layer.abs().max()


@torch.no_grad()
def test_compiled_pieces_are_as_the_whole_to_the_bit() -> None:
    model = random_model(STARTER_VQVAE)
    for level, decoder in enumerate(model.decoders):
        assert isinstance(decoder, Decoder)
        assert native_sound.can_decode(decoder)
        codes = torch.randint(STARTER_VQVAE.codebook_size, (1, 300))
        whole = model.decode([codes], level)
        pieces = torch.cat(list(model.decode_pieces(codes, level, 97)), dim=1)
        assert torch.equal(pieces, whole)
        both = model.decode([torch.cat([codes.flip(1), codes])], level)
        assert torch.equal(both[1:], whole)


@pytest.mark.parametrize("config", [TINY_VQVAE, UNEVEN, STARTER_VQVAE], ids=lambda c: c.name)
@pytest.mark.parametrize("threads", [1, 2])  # compiled, where channels are whole vectors; torch's
@torch.no_grad()
def test_codes_beside_the_others_change_their_sound_and_are_not_heard(
    config: VQVAEConfig, threads: int
) -> None:
    model = random_model(config)
    torch.set_num_threads(threads)
    try:
        for level in range(config.levels):
            halo, hop = config.decoder_halo_codes(level), config.hop_samples(level)
            codes = torch.randint(config.codebook_size, (2, 2 * halo + 9))
            whole = model.decode([codes], level)
            for before, behind in ((halo, halo), (0, halo), (1, 0), (halo // 2, 3), (0, 0)):
                heard = model.decode([codes], level, beside=(before, behind))
                part = whole[:, before * hop : whole.shape[1] - behind * hop]
                torch.testing.assert_close(heard, part, rtol=0, atol=2e-6)
                if threads == 1 and config is STARTER_VQVAE:
                    assert torch.equal(heard, part)
    finally:
        torch.set_num_threads(1)


def test_what_lies_beside_is_dropped_where_positions_are_many() -> None:
    for level, decoder in enumerate(VQVAE(PUBLISHED_VQVAE).decoders):
        assert isinstance(decoder, Decoder)
        layers = [layer for block in reversed(decoder.level_blocks) for layer in layers_of(block)]
        halo = PUBLISHED_VQVAE.decoder_halo_codes(level)
        cuts, ends = _cuts(layers, (halo, halo))
        assert cuts[0] == (0, 0), "the codes' own stage reaches all of them"
        beside = halo
        for layer, (before, behind) in zip(layers, cuts, strict=True):
            assert before == behind <= beside
            beside = (beside - before) * (layer.stride[0] if isinstance(layer, ConvUp) else 1)
        # Without it, all of the halo would have been decoded.
        assert ends == (beside, beside)
        assert 0 < beside < halo * PUBLISHED_VQVAE.hop_samples(level) / 4


def test_a_decoder_learns_beside_its_compiled_functions() -> None:
    decoder = random_model(STARTER_VQVAE).decoders[0].requires_grad_(True)
    vectors = torch.randn(1, STARTER_VQVAE.emb_width, 30)
    for bfloat16 in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            learned = decoder(vectors)
            with torch.no_grad():
                plain = decoder(vectors)
        assert not plain.requires_grad
        assert (learned - plain).abs().max() <= (3e-2 if bfloat16 else 1e-5) * plain.abs().max()
        learned.float().square().mean().backward()
        for name, parameter in decoder.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name


@torch.no_grad()
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_weights_of_another_dtype_are_not_read_as_float32(dtype: torch.dtype) -> None:
    decoder = random_model(STARTER_VQVAE).decoders[0]
    vectors = torch.randn(1, STARTER_VQVAE.emb_width, 5)
    expected = decoder(vectors)
    error = (decoder.to(dtype)(vectors) - expected).abs().max()
    assert error <= 3e-2 * expected.abs().max()


@torch.no_grad()
def test_a_decoder_holds_the_weights_that_it_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = random_model(STARTER_VQVAE).decoders[0]
    vectors = torch.randn(1, STARTER_VQVAE.emb_width, 5)
    expected = decoder(vectors)
    calls = 0

    def while_another_thread_forgets(name: str) -> None:
        compiled = getattr(native, name)

        def called(*given: object) -> None:
            nonlocal calls
            calls += 1
            packed = [weakref.ref(p) for of in weights._packed_of.values() for _, p in of.values()]
            weights._packed_of.clear()
            assert sum(p() is not None for p in packed) == 1
            compiled(*given)

        monkeypatch.setattr(native, name, called)

    while_another_thread_forgets("multiply_rows")
    while_another_thread_forgets("add_residual")
    monkeypatch.setattr(weights, "_packed_of", weakref.WeakKeyDictionary())
    assert torch.equal(decoder(vectors), expected)
    assert calls == sum(1 for _ in layers_of(decoder)) - 1  # the last two are one


@pytest.mark.parametrize("config", [TINY_VQVAE, UNEVEN, STARTER_VQVAE], ids=lambda c: c.name)
def test_how_channels_lie_in_memory_is_not_heard(config: VQVAEConfig) -> None:
    model = random_model(config)
    audio = torch.randn(2, 20 * config.hop_samples(config.levels - 1), 1) * 0.3
    for level in range(config.levels):
        plain = model.encoder_output(audio, level)  # as gradients are asked for
        codes = model.encode(audio, level, level + 1)[0]
        with torch.no_grad():
            torch.testing.assert_close(model.encoder_output(audio, level), plain)
            clear = torch.stack([margins(model, audio[i : i + 1], level) for i in (0, 1)]) >= 1e-5
            assert torch.equal(model.encode(audio, level, level + 1)[0][clear], codes[clear])


@pytest.mark.parametrize("config", [TINY_VQVAE, STARTER_VQVAE], ids=lambda c: c.name)
@torch.no_grad()
def test_coarse_sound_is_nearly_the_same(config: VQVAEConfig) -> None:
    model = random_model(config)
    for level in range(config.levels):
        codes = torch.randint(config.codebook_size, (1, 100))
        exact = model.decode_chunked(codes, level)
        coarse = model.decode_chunked(codes, level, is_coarse=True)
        assert coarse.dtype == torch.float32
        error = (coarse - exact).square().mean() / exact.var()
        assert error < 10 ** (-30 / 10)
        assert has_quick_bfloat16() == bool(error > 0)


def test_pieces_that_are_there_are_not_decoded_again() -> None:
    model = random_model(TINY_VQVAE)
    codes = torch.randint(TINY_VQVAE.codebook_size, (1, 200))
    chunk_seconds = 50 * TINY_VQVAE.hop_samples(0) / TINY_VQVAE.sample_rate_hz
    kept: Pieces = {}
    with torch.no_grad():
        plain = model.decode_chunked(codes, 0, chunk_seconds)
        assert torch.equal(plain, model.decode_chunked(codes, 0, chunk_seconds, kept))
        assert len(kept) == 4
        other = codes.clone()
        other[:, 150:] = 0
        plain = model.decode_chunked(other, 0, chunk_seconds)
        assert torch.equal(plain, model.decode_chunked(other, 0, chunk_seconds, kept))
    assert 4 < len(kept) < 8, "the beginning was there"


def test_receptive_fields_of_the_published_shape() -> None:
    fields = [PUBLISHED_VQVAE.encoder_receptive_samples(level) for level in range(3)]
    assert fields == [91_878, 5_134, 21_038]
    assert [PUBLISHED_VQVAE.hop_samples(level) for level in range(3)] == [8, 32, 128]


@pytest.mark.parametrize("config", [TINY_VQVAE, UNEVEN], ids=lambda c: c.name)
def test_no_code_sees_further_than_the_receptive_field(config: VQVAEConfig) -> None:
    model = random_model(config)
    for level in range(config.levels):
        hop = config.hop_samples(level)
        reach = config.encoder_receptive_samples(level)
        length = -(-3 * reach // hop) * hop
        audio = torch.randn(1, length, 1).double()
        moved = audio.clone()
        moved[:, length // 2] += 1.0
        encoder = model.encoders[level].double()
        a, b = (encoder(x.transpose(1, 2))[0] for x in (audio, moved))
        touched = (a != b).any(0).nonzero().flatten()
        # One sample reaches at most reach / hop codes, rounded up.
        assert len(touched) <= reach // hop + 1
        assert (touched * hop - length // 2).abs().max() <= reach // 2 + hop
        encoder.float()


@pytest.mark.parametrize("config", [TINY_VQVAE, UNEVEN], ids=lambda c: c.name)
def test_no_code_is_heard_further_than_the_halo(config: VQVAEConfig) -> None:
    model = random_model(config)
    for level in range(config.levels):
        halo, hop = config.decoder_halo_codes(level), config.hop_samples(level)
        codes = torch.zeros(1, 4 * halo, dtype=torch.int64)
        moved = codes.clone()
        moved[0, 2 * halo] = 1
        a, b = (model.decode([x], level)[0, :, 0] for x in (codes, moved))
        touched = (a != b).nonzero().flatten()
        assert touched.min() >= (2 * halo - halo) * hop
        assert touched.max() < (2 * halo + 1 + halo) * hop


def test_a_length_that_is_no_whole_number_of_codes_is_refused() -> None:
    model = VQVAE(TINY_VQVAE)
    with pytest.raises(ValueError, match="multiple of the hop"):
        model.encode(torch.zeros(1, 33, 1))
    with pytest.raises(ValueError, match="multiple of the hop"):
        model.encode_chunked(torch.zeros(1, 33, 1), 1)


def test_distances_in_blocks_choose_as_one_pass_would() -> None:
    torch.manual_seed(0)
    codebook = Codebook(16, 4, 0.99)
    codebook.k = torch.randn(16, 4)
    x = torch.randn(1, 4, 10_000)
    plain = torch.cdist(x[0].T.double(), codebook.k.double()).argmin(-1)
    assert (codebook.encode(x)[0] == plain).float().mean() > 0.9999


@pytest.mark.parametrize("reset_sums", [False, True])
def test_dead_codes_return_to_the_data(reset_sums: bool) -> None:
    torch.manual_seed(0)
    codebook = Codebook(8, 4, 0.9)
    codebook.reset_sums = reset_sums
    far = torch.randn(2, 4, 200) + 50.0
    codebook(torch.randn(2, 4, 200), update=True)
    for _ in range(60):
        codebook(far, update=True)
    used = codebook.encode(far).unique()
    assert len(used) >= 6
    assert (codebook.k.mean(1) - 50.0).abs().max() < 5.0


def test_gradients_pass_straight_through_the_codes() -> None:
    codebook = Codebook(8, 4, 0.99)
    codebook.k = torch.randn(8, 4)
    x = torch.randn(1, 4, 5, requires_grad=True)
    codebook(x).vectors.sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad, torch.ones_like(x))


def test_uneven_strides_are_refused() -> None:
    with pytest.raises(ValueError, match="even"):
        VQVAEConfig("odd", 8000, ((3,),), ((4,),), 1, 4, 8, (1,))
