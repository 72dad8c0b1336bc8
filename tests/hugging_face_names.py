"""The names that transformers 4.47.1 gives to Jukebox's weights, to build files of its form.

Written apart from jukebox_studio/hugging_face.py, the other way round, and compared with the keys
of JukeboxModel itself for small models of the shapes of 1b_lyrics and 5b_lyrics.
"""

CONVOLUTION = {"1": "conv1d_1", "3": "conv1d_2"}


def hugging_face_key(key: str, part: str | int, levels: int) -> str:
    """Our key of a part ("vqvae" or a level) -> the key in a Hugging Face checkpoint."""
    if part == "vqvae":
        return "vqvae." + _vqvae_key(key.split("."))
    return f"priors.{levels - 1 - int(part)}." + _prior_key(key.split("."))


def _vqvae_key(key: list[str]) -> str:
    if key[0] == "bottleneck":
        return ".".join([*key[:-1], "codebook"])
    if key[2] == "out":
        return ".".join(key)
    head, end = ".".join(key[:4]), key[-1]
    layer = key[5:]
    if len(layer) == 2:  # model.i.weight
        name = "proj_out" if key[0] == "encoders" else "proj_in"
        return f"{head}.{name}.{end}"
    index = 2 * int(layer[0]) + int(layer[1])
    if key[0] == "encoders":
        return f"{head}.downsample_block.{index}.{_tail(layer[2:])}"
    return f"{head}.upsample_block.{index - 2}.{_tail(layer[2:])}"


def _tail(rest: list[str]) -> str:
    """weight, or model.d.model.c.weight."""
    if len(rest) == 1:
        return rest[0]
    return f"resnet_block.{rest[1]}.{CONVOLUTION[rest[3]]}.{rest[4]}"


def _prior_key(key: list[str]) -> str:
    end = {"w": "weight", "b": "bias"}.get(key[-1], key[-1])
    if key[0] == "conditioner_blocks":
        if key[2] == "x_emb":
            return "conditioner_blocks.embed_tokens.weight"
        if key[2] == "ln":
            return f"conditioner_blocks.layer_norm.{end}"
        layer = key[4:]
        if len(layer) == 2:
            return f"conditioner_blocks.upsampler.proj_in.{end}"
        index = 2 * int(layer[0]) + int(layer[1]) - 2
        return f"conditioner_blocks.upsampler.upsample_block.{index}.{_tail(layer[2:])}"
    if key[0] == "y_emb":
        style = key[1] in ("bow_genre_emb", "artist_emb")
        return f"metadata_embedding.{key[1]}.{'weight' if style else 'emb.weight'}"
    if key[0].startswith("prime_") and key[0] != "prime_prior":
        name = {"proj": "proj_in", "ln": "final_layer_norm", "out": "lm_head"}
        return f"encoder.{name[key[0].rpartition('_')[2]]}.{end}"
    stack = "encoder" if key[0] == "prime_prior" else "prior"
    if key[1] == "x_emb":
        return f"{stack}.embed_tokens.weight"
    if key[1] == "x_out":
        return f"{stack}.fc_proj_out.weight"
    inner = [{"ln_0": "layer_norm_0", "ln_1": "layer_norm_1"}.get(k, k) for k in key[1:-1]]
    return ".".join([stack, *inner, end])
