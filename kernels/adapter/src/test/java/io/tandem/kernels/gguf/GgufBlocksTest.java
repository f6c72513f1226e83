package io.tandem.kernels.gguf;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.testing.GgufBlock;
import io.tandem.kernels.testing.Seeded;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Random;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Every number of a block is the float nearest to what the format's definition gives in double. */
class GgufBlocksTest {
    private static final int BLOCKS = 50;

    @RegisterExtension
    private final Seeded seeded = new Seeded();

    @ParameterizedTest
    @EnumSource(GgufBlock.Type.class)
    void numbersAreThoseOfTheDefinition(GgufBlock.Type type) {
        BlockFormat format = TensorType.valueOf(type.name()).format();
        Random random = seeded.random();
        for (int i = 0; i < BLOCKS; i++) {
            GgufBlock block = GgufBlock.random(type, Math.pow(10, random.nextInt(5) - 3), random);
            assertThat(format.elements()).isEqualTo(block.numbers().length);
            assertThat(format.bytes()).isEqualTo(block.bytes().length);
            ByteBuffer data = ByteBuffer.allocate(3 + format.bytes()).order(ByteOrder.LITTLE_ENDIAN);
            data.put(3, block.bytes());
            float[] values = new float[1 + format.elements()];
            format.decode(data, 3, values, 1);
            for (int j = 0; j < format.elements(); j++) {
                assertThat(values[1 + j] == (float) block.numbers()[j])
                        .as("number %d is %s, expected %s", j, values[1 + j], block.numbers()[j])
                        .isTrue();
            }
        }
    }

    @ParameterizedTest
    @EnumSource(GgufBlock.Type.class)
    void typesHaveTheNumbersOfGgml(GgufBlock.Type type) {
        assertThat(TensorType.of(type.number)).contains(TensorType.valueOf(type.name()));
    }
}
