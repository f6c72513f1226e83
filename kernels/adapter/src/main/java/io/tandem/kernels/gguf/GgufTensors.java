package io.tandem.kernels.gguf;

import io.tandem.kernels.weights.ModelFormatException;
import io.tandem.kernels.weights.StoredType;
import io.tandem.kernels.weights.TensorEntry;
import io.tandem.kernels.weights.TensorSource;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.Collections;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;

/** The tensors of a file by HuggingFace's names; those in blocks are float32. */
record GgufTensors(GgufFile file, Map<String, GgufWeight> weights) implements TensorSource {
    private static final int PIECE_BYTES = 1 << 20;
    private static final int MAX_UNIT_BYTES = 1 << 29;

    @Override
    public Set<String> names() {
        return Collections.unmodifiableSet(weights.keySet());
    }

    @Override
    public TensorEntry entry(String name) {
        GgufWeight weight = weight(name);
        return TensorEntry.computed(name, type(weight), weight.shape());
    }

    @Override
    public void read(String name, ByteBuffer piece, Consumer<ByteBuffer> sink) {
        GgufWeight weight = weight(name);
        GgufTensor tensor = weight.tensor();
        BlockFormat format = tensor.type().format();
        int head = weight.head();
        long blocks = weight.rowElements() / format.elements();
        long rowBytes = blocks * format.bytes();
        long unit = rowBytes * head;
        if (blocks * format.elements() != weight.rowElements() || weight.rows() % head != 0 || unit > MAX_UNIT_BYTES) {
            throw refuse("tensor " + tensor + " cannot be divided into heads of " + head + " rows");
        }
        int half = head / 2;
        Numbers numbers = new Numbers(format, weight.less(), piece, sink);
        file.read(
                tensor.begin() + weight.firstRow() * rowBytes,
                (int) unit,
                weight.rows() / head,
                (int) Math.max(1, PIECE_BYTES / unit),
                (part, first) -> {
                    for (long at = 0; at < part.limit(); at += unit) {
                        for (int row = 0; row < head; row++) {
                            int stored = head == 1 ? 0 : 2 * (row % half) + row / half;
                            numbers.put(part, (int) (at + stored * rowBytes), (int) blocks);
                        }
                    }
                });
        numbers.finish();
    }

    @Override
    public float[] floats(String name) {
        TensorEntry entry = entry(name);
        if (entry.elements() > Integer.MAX_VALUE / Float.BYTES) {
            throw refuse("tensor " + entry + " has 2 GiB or more");
        }
        PlainNumbers type = new PlainNumbers(entry.dtype());
        FloatBuffer values = FloatBuffer.allocate((int) entry.elements());
        read(name, ByteBuffer.allocate(PIECE_BYTES).order(ByteOrder.LITTLE_ENDIAN), part -> {
            for (int at = 0; at < part.limit(); at += type.bytes()) {
                type.decode(part, at, values.array(), values.position());
                values.position(values.position() + 1);
            }
        });
        return values.array();
    }

    /** What it is passed on as: numbers that are computed are float32. */
    private static StoredType type(GgufWeight weight) {
        return weight.less() == 0 ? weight.tensor().type().stored() : StoredType.F32;
    }

    private GgufWeight weight(String name) {
        GgufWeight weight = weights.get(name);
        if (weight == null) {
            throw refuse("no tensor " + name);
        }
        return weight;
    }

    private ModelFormatException refuse(String problem) {
        return ModelFormatException.in(file.path(), problem);
    }

    /** Passes numbers on. */
    private static final class Numbers {
        private final BlockFormat format;
        private final boolean copied;
        private final float less;
        private final ByteBuffer piece;
        private final Consumer<ByteBuffer> sink;
        private final float[] block;

        Numbers(BlockFormat format, float less, ByteBuffer piece, Consumer<ByteBuffer> sink) {
            this.format = format;
            this.copied = less == 0 && format instanceof PlainNumbers;
            this.less = less;
            this.piece = piece;
            this.sink = sink;
            this.block = new float[format.elements()];
            piece.clear();
        }

        void put(ByteBuffer data, int at, int blocks) {
            if (copied) {
                copy(data.slice(at, blocks * format.bytes()));
                return;
            }
            for (int i = 0; i < blocks; i++) {
                format.decode(data, at + i * format.bytes(), block, 0);
                for (float value : block) {
                    if (piece.remaining() < Float.BYTES) {
                        flush();
                    }
                    piece.putFloat(value - less);
                }
            }
        }

        private void copy(ByteBuffer from) {
            int end = from.limit();
            while (from.position() < end) {
                if (!piece.hasRemaining()) {
                    flush();
                }
                from.limit(Math.min(end, from.position() + piece.remaining()));
                piece.put(from);
            }
        }

        private void flush() {
            sink.accept(piece.flip());
            piece.clear();
        }

        void finish() {
            if (piece.position() > 0) {
                flush();
            }
        }
    }
}
