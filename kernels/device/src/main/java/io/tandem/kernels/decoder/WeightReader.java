package io.tandem.kernels.decoder;

import ai.djl.ndarray.types.DataType;
import ai.djl.pytorch.engine.PtNDArray;
import io.tandem.kernels.LoadProgress;
import io.tandem.kernels.decoder.ScriptObjects.Weight;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.tensor.TensorScope;
import io.tandem.kernels.weights.Checkpoint;
import io.tandem.kernels.weights.StoredType;
import io.tandem.kernels.weights.TensorEntry;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Makes tensors of a checkpoint's weights, of any size. libtorch converts them piece by piece, so beside the tensor itself
 * only one piece takes memory.
 */
final class WeightReader {
    private static final int PIECE_BYTES = 8 << 20;

    private final DecoderScript script;
    private final Checkpoint checkpoint;
    private final boolean half;
    private final LoadProgress progress;
    private final long total;
    private long done;
    private final ByteBuffer piece = ByteBuffer.allocateDirect(PIECE_BYTES).order(ByteOrder.LITTLE_ENDIAN);

    /**
     * @param half whether weights of linear layers are rounded to float16 first
     */
    WeightReader(DecoderScript script, Checkpoint checkpoint, boolean half, LoadProgress progress) {
        this.script = script;
        this.checkpoint = checkpoint;
        this.half = half;
        this.progress = progress;
        this.total = checkpoint.names().stream()
                .mapToLong(name -> checkpoint.entry(name).bytes())
                .sum();
    }

    /**
     * Reads a weight of a linear layer or the embedding.
     *
     * @param type what to convert its numbers to
     * @return in the shape that the file says, for as long as {@code owner}
     */
    PtNDArray read(TensorScope owner, String name, Dtype type) {
        return read(owner, name, type, half);
    }

    /** Reads a weight in float32, with all the precision that the file has. */
    PtNDArray readExactly(TensorScope owner, String name) {
        return read(owner, name, Dtype.FLOAT32, false);
    }

    private PtNDArray read(TensorScope owner, String name, Dtype type, boolean round) {
        TensorEntry entry = checkpoint.entry(name);
        int stored = code(entry.dtype());
        Weight weight = script.newWeight(owner, entry.shape(), type.code(), script.device());
        long[] first = {0};
        checkpoint.read(name, piece, part -> {
            try (TensorScope call = owner.open()) {
                PtNDArray bytes = call.tensor(part, DataType.UINT8, part.remaining());
                script.fillWeight(call, weight, first[0], bytes, stored, round);
            }
            first[0] += part.limit() / entry.dtype().bytes();
            done += part.limit();
            progress.show(done, total);
        });
        return owner.tensor(weight.value());
    }

    /** The number by which TorchScript knows a type of a file ({@code c10::ScalarType}). */
    private static int code(StoredType type) {
        return switch (type) {
            case F16 -> 5;
            case F32 -> 6;
            case F64 -> 7;
            case BF16 -> 15;
            default -> throw new IllegalArgumentException("weights of type " + type + ", expected floating point");
        };
    }
}
