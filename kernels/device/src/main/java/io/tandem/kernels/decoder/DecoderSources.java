package io.tandem.kernels.decoder;

import io.tandem.kernels.torchscript.LinearSources;
import java.util.List;
import java.util.stream.Stream;

/** The files of {@code decoder.py} and of all that it uses, each behind those that it uses itself. */
final class DecoderSources {
    static final List<String> FILES = Stream.concat(
                    LinearSources.FILES.stream(),
                    Stream.of(
                            "__torch__/tandem/ops/rows.py",
                            "__torch__/tandem/ops/rms_norm.py",
                            "__torch__/tandem/ops/norm.py",
                            "__torch__/tandem/ops/rotary.py",
                            "__torch__/tandem/ops/gated.py",
                            "__torch__/tandem/ops/soft_cap.py",
                            "__torch__/tandem/ops/attention.py",
                            "__torch__/tandem/ops/cross_entropy.py",
                            "__torch__/tandem/ops/forward_kl.py",
                            "__torch__/tandem/adapter/prompt.py",
                            "__torch__/tandem/adapter/bags.py",
                            "__torch__/tandem/adapter/bottleneck.py",
                            "__torch__/tandem/adapter/full.py",
                            "__torch__/tandem/model.py",
                            "__torch__/tandem/host.py",
                            "__torch__/tandem/inputs.py",
                            "__torch__/tandem/cache.py",
                            "__torch__/tandem/arena.py",
                            "__torch__/tandem/adapter/low_rank.py",
                            "__torch__/tandem/adapter/soft_mask.py",
                            "__torch__/tandem/adapter/estimate.py",
                            "__torch__/tandem/adapter/row_adapters.py",
                            "__torch__/tandem/adapter/scale.py",
                            "__torch__/tandem/adapter/dora.py",
                            "__torch__/tandem/adapter/prefix.py",
                            "__torch__/tandem/adapter/core.py",
                            "__torch__/tandem/adapter/orthogonal.py",
                            "__torch__/tandem/adapter/singular.py",
                            "__torch__/tandem/adapter/single_weights.py",
                            "__torch__/tandem/adapter/sensitivity.py",
                            "__torch__/tandem/adapter/own_weight.py",
                            "__torch__/tandem/adapter/quantized.py",
                            "__torch__/tandem/adapter/sparse.py",
                            "__torch__/tandem/adapter/trainee.py",
                            "__torch__/tandem/adapter/change.py",
                            "__torch__/tandem/batch.py",
                            "__torch__/tandem/optim/settings.py",
                            "__torch__/tandem/optim/step.py",
                            "__torch__/tandem/optim/quantize.py",
                            "__torch__/tandem/optim/adam.py",
                            "__torch__/tandem/optim/adamw.py",
                            "__torch__/tandem/optim/adamw_8bit.py",
                            "__torch__/tandem/optim/sgd.py",
                            "__torch__/tandem/optim/lion.py",
                            "__torch__/tandem/optim/optimizer.py",
                            "__torch__/tandem/linears.py",
                            "__torch__/tandem/experts.py",
                            "__torch__/tandem/block.py",
                            "__torch__/tandem/together.py",
                            "__torch__/tandem/depth.py",
                            "__torch__/tandem/teacher.py",
                            "__torch__/tandem/loss.py",
                            "__torch__/tandem/sample.py",
                            "__torch__/tandem/iteration.py",
                            "__torch__/tandem/loops.py",
                            "__torch__/tandem/decoder.py"))
            .toList();

    private DecoderSources() {}
}
