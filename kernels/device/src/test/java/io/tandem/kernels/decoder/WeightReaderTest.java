package io.tandem.kernels.decoder;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.types.DataType;
import ai.djl.pytorch.engine.PtNDArray;
import io.tandem.kernels.LoadProgress;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.tensor.NativeEngine;
import io.tandem.kernels.tensor.TensorScope;
import io.tandem.kernels.weights.Checkpoint;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class WeightReaderTest {
    private static final String NAME = "model.embed_tokens.weight";
    /** bfloat16 of 1, 2 and -3. */
    private static final short[] MARKS = {0x3F80, 0x4000, (short) 0xC040};

    @TempDir
    private Path directory;

    private TensorScope scope;
    private DecoderScript script;

    @BeforeEach
    void load() {
        NativeEngine.useThreads(1);
        scope = TensorScope.root();
        script = new DecoderScript();
    }

    @AfterEach
    void close() {
        scope.close();
    }

    /** Takes 1 GiB of memory: four bytes of each number would not fit into a buffer, and the file takes no disk. */
    @Test
    void aTensorMayHaveMoreNumbersThanFitIntoAnArrayOfFloats() throws IOException {
        long numbers = (1L << 29) + 1;
        sparse(numbers, "", 0, 1 << 28, numbers - 1);
        PtNDArray weight = read(Dtype.BFLOAT16);
        assertThat(weight.getShape().getShape()).containsExactly(numbers, 1);
        assertThat(values(weight, 0, 1 << 28, numbers - 1)).containsExactly(1f, 2f, -3f);
    }

    /** Lengths of the header that put the numbers at odd and even places. */
    @ParameterizedTest
    @ValueSource(strings = {"", " ", "  ", "   "})
    void numbersMayLieAnywhere(String padding) throws IOException {
        sparse(1000, padding, 0, 1, 999);
        PtNDArray weight = read(Dtype.FLOAT32);
        assertThat(values(weight, 0, 1, 999, 500)).containsExactly(1f, 2f, -3f, 0f);
    }

    private PtNDArray read(Dtype type) {
        return new WeightReader(script, Checkpoint.open(directory), false, LoadProgress.NONE).read(scope, NAME, type);
    }

    private static List<Float> values(PtNDArray weight, long... places) {
        return Arrays.stream(places)
                .mapToObj(place ->
                        weight.get(place, 0).toType(DataType.FLOAT32, false).getFloat())
                .toList();
    }

    /** A bfloat16 column of zeros but for {@link #MARKS} at three places. */
    private void sparse(long numbers, String padding, long... places) throws IOException {
        String header = "{\"%s\":{\"dtype\":\"BF16\",\"shape\":[%d,1],\"data_offsets\":[0,%d]}}%s"
                .formatted(NAME, numbers, 2 * numbers, padding);
        byte[] bytes = header.getBytes(StandardCharsets.UTF_8);
        try (FileChannel file = FileChannel.open(
                directory.resolve("model.safetensors"),
                StandardOpenOption.CREATE_NEW,
                StandardOpenOption.WRITE,
                StandardOpenOption.SPARSE)) {
            ByteBuffer length = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
            file.write(length.putLong(0, bytes.length), 0);
            file.write(ByteBuffer.wrap(bytes), 8);
            for (int i = 0; i < places.length; i++) {
                ByteBuffer mark = ByteBuffer.allocate(2).order(ByteOrder.LITTLE_ENDIAN);
                file.write(mark.putShort(0, MARKS[i]), 8 + bytes.length + 2 * places[i]);
            }
        }
    }
}
