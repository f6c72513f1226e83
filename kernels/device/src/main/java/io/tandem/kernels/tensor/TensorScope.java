package io.tandem.kernels.tensor;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.pytorch.jni.IValue;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.LongBuffer;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Owner of native values: whatever is made in or given to a scope is freed when it closes, in reverse order. Scopes
 * nest; all that come from one root share a count of live values, by which tests prove that nothing leaks.
 */
public final class TensorScope implements AutoCloseable {
    private final PtNDManager manager;
    private final AtomicLong live;
    private final Deque<AutoCloseable> owned = new ArrayDeque<>();

    private TensorScope(PtNDManager manager, AtomicLong live) {
        this.manager = manager;
        this.live = live;
    }

    /** A scope that nothing encloses. */
    public static TensorScope root() {
        PtNDManager manager = (PtNDManager) Engine.getEngine("PyTorch").newBaseManager(Device.cpu());
        return new TensorScope(manager, new AtomicLong());
    }

    /** A scope that the caller closes before this one. */
    public TensorScope open() {
        return new TensorScope((PtNDManager) manager.newSubManager(), live);
    }

    public PtNDManager manager() {
        return manager;
    }

    /** Native values alive in this scope's family. */
    public long liveValues() {
        return live.get();
    }

    /** Takes over a value that a call returned. */
    public IValue own(IValue value) {
        owned.push(value);
        live.incrementAndGet();
        return value;
    }

    public IValue number(long value) {
        return own(IValue.from(value));
    }

    public IValue number(double value) {
        return own(IValue.from(value));
    }

    public IValue flag(boolean value) {
        return own(IValue.from(value));
    }

    public IValue text(String value) {
        return own(IValue.from(value));
    }

    /** A {@code List[int]}. */
    public IValue numbers(long... values) {
        return own(IValue.listFrom(values));
    }

    /** A {@code List[Tensor]}. */
    public IValue list(PtNDArray... tensors) {
        return own(IValue.listFrom(tensors));
    }

    public IValue list(List<PtNDArray> tensors) {
        return list(tensors.toArray(PtNDArray[]::new));
    }

    public IValue value(PtNDArray tensor) {
        return own(IValue.from(tensor));
    }

    /** An int64 tensor of the given shape, for as long as this scope. */
    public PtNDArray tensor(long[] values, long... shape) {
        ByteBuffer bytes = direct((long) values.length * Long.BYTES);
        bytes.asLongBuffer().put(LongBuffer.wrap(values));
        return tensor(bytes, DataType.INT64, shape);
    }

    /** A float32 tensor of the given shape, for as long as this scope. */
    public PtNDArray tensor(float[] values, long... shape) {
        ByteBuffer bytes = direct((long) values.length * Float.BYTES);
        bytes.asFloatBuffer().put(FloatBuffer.wrap(values));
        return tensor(bytes, DataType.FLOAT32, shape);
    }

    /** A tensor over the bytes, little-endian, for as long as this scope; a direct buffer is not copied. */
    public PtNDArray tensor(ByteBuffer bytes, DataType type, long... shape) {
        PtNDArray tensor = manager.create(bytes, new Shape(shape), type);
        owned.push(tensor);
        live.incrementAndGet();
        return tensor;
    }

    /** The tensor in a value, for as long as this scope. */
    public PtNDArray tensor(IValue value) {
        PtNDArray tensor = value.toTensor(manager);
        owned.push(tensor);
        live.incrementAndGet();
        return tensor;
    }

    /** Copies a float32 tensor out. */
    public float[] floats(IValue value) {
        return tensor(value).toFloatArray();
    }

    /** The tensors of a {@code List[Tensor]}, each for as long as this scope. */
    public PtNDArray[] tensors(IValue list) {
        PtNDArray[] tensors = list.toTensorArray(manager);
        for (PtNDArray tensor : tensors) {
            owned.push(tensor);
            live.incrementAndGet();
        }
        return tensors;
    }

    /** Copies a tensor of any type out, in the machine's byte order. */
    public static byte[] bytes(PtNDArray tensor) {
        ByteBuffer buffer = tensor.toByteBuffer(true);
        byte[] bytes = new byte[buffer.remaining()];
        buffer.get(bytes);
        return bytes;
    }

    /** Copies an int32 tensor out. */
    public int[] ints(IValue value) {
        return tensor(value).toIntArray();
    }

    /** Copies an int64 tensor out. */
    public long[] longs(IValue value) {
        return tensor(value).toLongArray();
    }

    /** The members of a tuple, each for as long as this scope. */
    public IValue[] members(IValue tuple) {
        IValue[] members = tuple.toIValueTuple();
        for (IValue member : members) {
            own(member);
        }
        return members;
    }

    private static ByteBuffer direct(long bytes) {
        if (bytes > Integer.MAX_VALUE) {
            throw new IllegalArgumentException(
                    "an array of " + bytes + " bytes does not fit into one buffer; hand it over in pieces");
        }
        return ByteBuffer.allocateDirect((int) bytes).order(ByteOrder.nativeOrder());
    }

    @Override
    public void close() {
        while (!owned.isEmpty()) {
            AutoCloseable value = owned.pop();
            live.decrementAndGet();
            if (value instanceof IValue ivalue) {
                ivalue.close();
            } else if (value instanceof PtNDArray tensor) {
                tensor.close();
            }
        }
        manager.close();
    }
}
