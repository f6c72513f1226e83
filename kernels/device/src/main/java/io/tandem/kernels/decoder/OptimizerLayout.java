package io.tandem.kernels.decoder;

import static io.tandem.kernels.OptimizerConfig.BLOCK;

import ai.djl.ndarray.types.DataType;
import io.tandem.kernels.OptimizerConfig;
import io.tandem.kernels.OptimizerConfig.Method;
import io.tandem.kernels.device.Assumed;
import java.util.ArrayList;
import java.util.List;

/**
 * Where the optimizer's state of each factor lies. Factors are one vector; neighbours that are updated alike make one
 * region, so that an update is a few operations on long ranges. Regions end at {@link Assumed#REGION_PARAMETERS}, so that
 * an update stays in a core's cache, and lanes have regions to share.
 *
 * @param regions in the order of the vector, without gaps
 * @param tensors the state, in the order in which {@code optim/optimizer.py} numbers it
 */
record OptimizerLayout(List<Region> regions, List<StateTensor> tensors) {
    /**
     * A parameter of a module, or a part of one, by its name, on which its learning rate depends.
     *
     * @param whole numbers of the whole parameter
     * @param clock that counts the steps in which it learns; factors of the same one learn together
     */
    record Factor(String name, int length, int whole, int clock) {
        Factor(String name, int length) {
            this(name, length, length, 0);
        }
    }

    /**
     * A range of the vector.
     *
     * @param at its first number in the state tensors of its kind, quantized or not
     * @param block its first block there; meaningless if it is not quantized
     * @param rate factor on the learning rate
     * @param clock as in {@link Factor}
     */
    record Region(int start, int length, int at, int block, boolean quantized, double rate, int clock) {
        private int blocks() {
            return (length + BLOCK - 1) / BLOCK;
        }

        private Region extended(int more) {
            return new Region(start, length + more, at, block, quantized, rate, clock);
        }

        /** How many more numbers, like those of this factor, the region may take. */
        private int room(boolean quantizedToo, double sameRate, int sameClock) {
            boolean alike = quantized == quantizedToo && rate == sameRate && clock == sameClock;
            boolean wholeBlocks = !quantized || length % BLOCK == 0;
            return alike && wholeBlocks ? Assumed.REGION_PARAMETERS - length : 0;
        }
    }

    /** One tensor of the state. */
    record StateTensor(String name, DataType type, int length) {
        long bytes() {
            return (long) length * type.getNumOfBytes();
        }
    }

    OptimizerLayout {
        regions = List.copyOf(regions);
        tensors = List.copyOf(tensors);
    }

    /** @param factors in the order of the vector */
    static OptimizerLayout of(List<Factor> factors, OptimizerConfig config) {
        List<Region> regions = new ArrayList<>();
        for (Factor factor : factors) {
            boolean quantized = config.quantizes(factor.name(), factor.whole());
            append(regions, factor.length(), quantized, config.rate(factor.name()), factor.clock());
        }
        int quantized = length(regions, true);
        int blocks = regions.stream()
                .filter(Region::quantized)
                .mapToInt(Region::blocks)
                .sum();
        return new OptimizerLayout(regions, tensors(config.method(), length(regions, false), quantized, blocks));
    }

    private static void append(List<Region> regions, int length, boolean quantized, double rate, int clock) {
        int left = length;
        while (left > 0) {
            int last = regions.size() - 1;
            int room = last < 0 ? 0 : regions.get(last).room(quantized, rate, clock);
            int taken = Math.min(left, room == 0 ? Assumed.REGION_PARAMETERS : room);
            if (room > 0) {
                regions.set(last, regions.get(last).extended(taken));
            } else {
                regions.add(following(regions, taken, quantized, rate, clock));
            }
            left -= taken;
        }
    }

    private static Region following(List<Region> regions, int length, boolean quantized, double rate, int clock) {
        int start = 0;
        int at = 0;
        int block = 0;
        for (Region region : regions) {
            start += region.length();
            if (region.quantized() == quantized) {
                at += region.length();
                block += region.blocks();
            }
        }
        return new Region(start, length, at, block, quantized, rate, clock);
    }

    private static int length(List<Region> regions, boolean quantized) {
        return regions.stream()
                .filter(region -> region.quantized() == quantized)
                .mapToInt(Region::length)
                .sum();
    }

    private static List<StateTensor> tensors(Method method, int plain, int quantized, int blocks) {
        return switch (method) {
            case ADAMW ->
                List.of(
                        new StateTensor("first_moment", DataType.FLOAT32, plain),
                        new StateTensor("second_moment", DataType.FLOAT32, plain));
            case ADAMW_8BIT ->
                List.of(
                        new StateTensor("first_moment", DataType.FLOAT32, plain),
                        new StateTensor("second_moment", DataType.FLOAT32, plain),
                        new StateTensor("first_codes", DataType.UINT8, quantized),
                        new StateTensor("second_codes", DataType.UINT8, quantized),
                        new StateTensor("first_absmax", DataType.FLOAT32, blocks),
                        new StateTensor("second_absmax", DataType.FLOAT32, blocks));
            case SGD -> List.of(new StateTensor("velocity", DataType.FLOAT32, plain));
            case LION -> List.of(new StateTensor("momentum", DataType.FLOAT32, plain));
        };
    }

    long stateBytes() {
        return tensors.stream().mapToLong(StateTensor::bytes).sum();
    }
}
