package io.tandem.kernels.quantized;

import io.tandem.kernels.weights.Checkpoint;
import io.tandem.kernels.weights.JsonFields;
import io.tandem.kernels.weights.ModelFormatException;
import io.tandem.kernels.weights.StoredType;
import io.tandem.kernels.weights.TensorEntry;
import io.tandem.kernels.weights.TensorSource;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.Collections;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;

/** A checkpoint in which each quantized linear has a {@code weight} of float32 in place of its parts. */
public final class QuantizedCheckpoint implements TensorSource {
    private static final String WEIGHT = ".weight";

    private final Checkpoint files;
    private final Packing packing;
    private final Set<String> linears = new TreeSet<>();
    private final Set<String> names = new TreeSet<>();

    private QuantizedCheckpoint(Checkpoint files, Packing packing) {
        this.files = files;
        this.packing = packing;
        for (String name : files.names()) {
            if (name.endsWith(packing.marker())) {
                linears.add(name.substring(0, name.length() - packing.marker().length()));
            }
        }
        for (String name : files.names()) {
            int dot = name.lastIndexOf('.');
            boolean part = dot >= 0
                    && packing.parts().contains(name.substring(dot))
                    && linears.contains(name.substring(0, dot));
            if (!part) {
                names.add(name);
            }
        }
        linears.forEach(linear -> names.add(linear + WEIGHT));
    }

    /**
     * Opens the checkpoint of a model directory, quantized or not; reads headers only.
     *
     * @param config its {@code config.json}
     * @throws ModelFormatException if a file is missing or damaged, or the quantization is not supported
     */
    public static Checkpoint open(Path directory, JsonFields config) {
        Checkpoint files = Checkpoint.open(directory);
        return QuantizationConfig.packing(config)
                .map(packing -> Checkpoint.of(directory, new QuantizedCheckpoint(files, packing)))
                .orElse(files);
    }

    @Override
    public Set<String> names() {
        return Collections.unmodifiableSet(names);
    }

    @Override
    public TensorEntry entry(String name) {
        String linear = linear(name);
        return linear.isEmpty()
                ? files.entry(name)
                : TensorEntry.computed(name, StoredType.F32, packing.shape(files, linear));
    }

    @Override
    public void read(String name, ByteBuffer piece, Consumer<ByteBuffer> sink) {
        String linear = linear(name);
        if (linear.isEmpty()) {
            files.read(name, piece, sink);
            return;
        }
        GroupedLinear weight = packing.open(files, linear);
        piece.clear();
        for (int output = 0; output < weight.outputs(); output++) {
            for (int input = 0; input < weight.group().length; input++) {
                if (piece.remaining() < Float.BYTES) {
                    sink.accept(piece.flip());
                    piece.clear();
                }
                piece.putFloat(weight.weight(output, input));
            }
        }
        if (piece.position() > 0) {
            sink.accept(piece.flip());
        }
    }

    @Override
    public float[] floats(String name) {
        if (linear(name).isEmpty()) {
            return files.floats(name);
        }
        FloatBuffer values = FloatBuffer.allocate(Math.toIntExact(entry(name).elements()));
        ByteBuffer piece = ByteBuffer.allocate(Parts.PIECE_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        read(name, piece, part -> values.put(part.asFloatBuffer()));
        return values.array();
    }

    /** The linear whose weight this is; empty if it is not quantized. */
    private String linear(String name) {
        if (!name.endsWith(WEIGHT)) {
            return "";
        }
        String linear = name.substring(0, name.length() - WEIGHT.length());
        return linears.contains(linear) ? linear : "";
    }
}
