package io.tandem.kernels.decoder;

import ai.djl.ndarray.NDList;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.jni.IValueUtils;
import io.tandem.kernels.TrainingPack;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import io.tandem.kernels.tensor.TensorScope;
import io.tandem.kernels.torchscript.ScriptModule;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/** The LoRA step of {@code reference/conventional.py} on random weights of a plain Llama with a tied head. */
final class ConventionalStep implements AutoCloseable {
    private final TensorScope scope = TensorScope.root();
    private final ScriptModule module = ScriptModule.load(
            "__torch__.reference.conventional.Conventional", List.of("__torch__/reference/conventional.py"));
    private final ModelConfig model;
    private final int rank;
    private final PtNDArray base;
    private final PtNDArray factors;

    ConventionalStep(ModelConfig model, int rank) {
        this.model = model;
        this.rank = rank;
        int linears = 0;
        int learned = 0;
        for (TargetModule target : LoraConfig.allLinears()) {
            linears += target.inputs(model) * target.outputs(model);
            learned += rank * (target.inputs(model) + target.outputs(model));
        }
        int frozen = model.vocab() * model.hidden() + model.layers() * (2 * model.hidden() + linears) + model.hidden();
        factors = random(model.layers() * learned);
        try (TensorScope call = scope.open()) {
            PtNDArray wide = call.tensor(gaussian(frozen), frozen);
            base = (PtNDArray) forward(call, new int[0], new int[0], wide).get(0);
            base.attach(scope.manager());
        }
    }

    /** @return the loss */
    float run(TrainingPack.Sequence sequence) {
        try (TensorScope call = scope.open();
                NDList outputs = forward(call, sequence.tokens(), sequence.labels(), base)) {
            return outputs.get(0).toFloatArray()[0];
        }
    }

    private NDList forward(TensorScope call, int[] tokens, int[] labels, PtNDArray weights) {
        int length = tokens.length;
        RopeTable rope = RopeTable.of(model.rotaries().get(0), Math.max(1, length));
        long[] numbers = {
            model.layers(),
            model.hidden(),
            model.heads(),
            model.kvHeads(),
            model.headDim(),
            model.ffn(),
            model.vocab(),
            rank
        };
        NDList inputs = new NDList(
                call.tensor(longs(tokens), length),
                call.tensor(longs(labels), length),
                call.tensor(rope.cos(), Math.max(1, length), model.headDim()),
                call.tensor(rope.sin(), Math.max(1, length), model.headDim()),
                weights,
                factors,
                call.tensor(numbers, numbers.length));
        return IValueUtils.forward(module.block(), inputs, true);
    }

    private PtNDArray random(int length) {
        return scope.tensor(gaussian(length), length);
    }

    private static float[] gaussian(int length) {
        Random random = new Random(length);
        float[] values = new float[length];
        for (int i = 0; i < length; i++) {
            values[i] = (random.nextFloat() - 0.5f) * 0.1f;
        }
        return values;
    }

    private static long[] longs(int[] values) {
        return Arrays.stream(values).asLongStream().toArray();
    }

    @Override
    public void close() {
        base.close();
        scope.close();
    }
}
