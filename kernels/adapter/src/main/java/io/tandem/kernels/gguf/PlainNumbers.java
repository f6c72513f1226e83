package io.tandem.kernels.gguf;

import io.tandem.kernels.weights.HalfPrecision;
import io.tandem.kernels.weights.StoredType;
import java.nio.ByteBuffer;

/** F32, F16 and BF16. */
record PlainNumbers(StoredType type) implements BlockFormat {
    @Override
    public int elements() {
        return 1;
    }

    @Override
    public int bytes() {
        return type.bytes();
    }

    @Override
    public void decode(ByteBuffer data, int at, float[] values, int to) {
        values[to] = switch (type) {
            case F32 -> data.getFloat(at);
            case F16 -> HalfPrecision.fromFloat16(data.getShort(at));
            case BF16 -> HalfPrecision.fromBfloat16(data.getShort(at));
            default -> throw new IllegalStateException(type + " is not one of them");
        };
    }
}
