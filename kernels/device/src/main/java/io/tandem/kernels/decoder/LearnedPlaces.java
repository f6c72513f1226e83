package io.tandem.kernels.decoder;

import ai.djl.pytorch.engine.PtNDArray;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.BiasedFactors;
import io.tandem.kernels.adapter.Bottleneck;
import io.tandem.kernels.adapter.Change;
import io.tandem.kernels.adapter.Core;
import io.tandem.kernels.adapter.Dora;
import io.tandem.kernels.adapter.KeysAndValues;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.adapter.Prompt;
import io.tandem.kernels.adapter.QuantizedFactors;
import io.tandem.kernels.adapter.Scale;
import io.tandem.kernels.adapter.SingleWeights;
import io.tandem.kernels.adapter.SingularValues;
import io.tandem.kernels.adapter.SparseFactors;
import io.tandem.kernels.decoder.AdapterArguments.Learned;
import io.tandem.kernels.decoder.AdapterLayout.Part;
import io.tandem.kernels.decoder.AdapterLayout.Placed;
import io.tandem.kernels.tensor.TensorScope;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.LongStream;
import java.util.stream.Stream;

/** Where what learns of an adapter lies in its trainee's vector, as the script is told. */
final class LearnedPlaces {
    private LearnedPlaces() {}

    /**
     * @param parameters the adapter's
     * @param half whether weights are rounded to float16
     */
    static Learned of(TensorScope call, AdapterLayout layout, List<Placed> parameters, Adapter initial, boolean half) {
        List<long[]> banks = new ArrayList<>();
        List<long[]> parts = new ArrayList<>();
        List<Double> scalings = new ArrayList<>();
        List<long[]> scales = new ArrayList<>();
        List<long[]> magnitudes = new ArrayList<>();
        List<long[]> biases = new ArrayList<>();
        List<long[]> cores = new ArrayList<>();
        List<long[]> values = new ArrayList<>();
        List<LowRank> vectors = new ArrayList<>();
        for (int bank = 0; bank < layout.banks(); bank++) {
            banks.add(
                    new long[] {layout.learningRanks(initial, bank), layout.inputs(bank), 0, layout.ranks(initial, bank)
                    });
        }
        for (Placed placed : parameters) {
            Part part = placed.part();
            if (placed.is(LowRank.A) && part.row() == 0) {
                banks.get(part.bank())[2] = placed.start();
            }
            if (placed.is(LowRank.B)) {
                Change own = part.change();
                parts.add(new long[] {
                    part.bank(), part.row(), own.learning(), part.column(), own.outputs(), placed.start()
                });
                scalings.add(own.scaling());
            }
            // They come right behind their factors.
            if (placed.is(Dora.MAGNITUDE) && part.change() instanceof Dora dora) {
                magnitudes.add(new long[] {parts.size() - 1L, placed.start(), dora.isFresh() ? 1 : 0});
            }
            if (placed.is(BiasedFactors.BIAS)) {
                biases.add(new long[] {parts.size() - 1L, part.frozenRow(), placed.start()});
            }
            if (placed.is(Core.E) && part.change() instanceof Core core) {
                cores.add(new long[] {
                    parts.size() - 1L, placed.start(), core.shape() == Core.Shape.FULL ? 1 : 0, core.grows() ? 1 : 0
                });
            }
            if (part.change() instanceof SingularValues own) {
                values.add(new long[] {
                    part.bank(), part.frozenRow(), own.rank(), part.column(), own.outputs(), placed.start()
                });
                vectors.add(own.vectors());
            }
            if (part.change() instanceof Scale scale) {
                long[] place = AdapterLayout.place(part, scale);
                scales.add(new long[] {place[0], place[1], place[2], placed.length(), placed.start()});
            }
        }
        List<Placed> bottlenecks = named(parameters, Bottleneck.DOWN).toList();
        return new Learned(
                RowEncoder.flatten(banks),
                RowEncoder.flatten(parts),
                scalings.stream().mapToDouble(s -> s).toArray(),
                RowEncoder.flatten(scales),
                RowEncoder.flatten(magnitudes),
                RowEncoder.flatten(biases),
                virtual(initial),
                prefix(initial),
                RowEncoder.flatten(cores),
                RowEncoder.flatten(values),
                vectors.stream().map(own -> transposedB(call, own)).toList(),
                AdapterLayout.places(bottlenecks.stream().map(Placed::part).toList()),
                bottlenecks.stream().mapToLong(Placed::start).toArray(),
                bottlenecks.stream().mapToDouble(LearnedPlaces::scaling).toArray(),
                full(initial),
                singleWeights(parameters),
                quantized(parameters),
                named(parameters, QuantizedFactors.A)
                        .mapToDouble(placed -> placed.part().change().scaling())
                        .toArray(),
                sparse(parameters),
                half);
    }

    private static Stream<Placed> named(List<Placed> parameters, String name) {
        return parameters.stream().filter(placed -> placed.is(name));
    }

    /** A, B and the step sizes of a module come one after the other. */
    private static long[] quantized(List<Placed> parameters) {
        return named(parameters, QuantizedFactors.A)
                .flatMapToLong(placed -> {
                    Part part = placed.part();
                    QuantizedFactors own = (QuantizedFactors) part.change();
                    int rank = own.factors().rank();
                    long b = placed.start() + (long) rank * own.inputs();
                    return LongStream.of(
                            part.bank(),
                            part.column(),
                            own.outputs(),
                            rank,
                            own.bits(),
                            own.groupSize(),
                            placed.start(),
                            b,
                            b + (long) rank * own.outputs());
                })
                .toArray();
    }

    /** All numbers of a module come one after the other. */
    private static long[] sparse(List<Placed> parameters) {
        return named(parameters, SparseFactors.U)
                .flatMapToLong(placed -> {
                    Part part = placed.part();
                    SparseFactors own = (SparseFactors) part.change();
                    return LongStream.of(
                            part.bank(),
                            part.column(),
                            own.outputs(),
                            own.change().rank(),
                            own.pruned(),
                            placed.start());
                })
                .toArray();
    }

    private static long[] singleWeights(List<Placed> parameters) {
        List<long[]> singles = new ArrayList<>();
        for (Placed placed : parameters) {
            if (placed.part().change() instanceof SingleWeights) {
                boolean follows = !singles.isEmpty()
                        && singles.get(singles.size() - 1)[0] == placed.part().bank();
                long[] before = follows ? singles.get(singles.size() - 1) : new long[4];
                singles.add(new long[] {placed.part().bank(), before[1] + before[2], placed.length(), placed.start()});
            }
        }
        return RowEncoder.flatten(singles);
    }

    private static long[] full(Adapter adapter) {
        return adapter.full().keySet().stream()
                .flatMapToLong(
                        module -> LongStream.of(FullSlots.code(module), AdapterLayout.fullStart(adapter, module)))
                .toArray();
    }

    private static double scaling(Placed placed) {
        return placed.part().change() instanceof Bottleneck own ? own.kind().scaling() : 1;
    }

    private static long[] virtual(Adapter adapter) {
        return adapter.prefix().stream()
                .filter(Prompt.class::isInstance)
                .flatMapToLong(prefix -> LongStream.concat(
                        LongStream.of(prefix.tokens(), prefix.width(), AdapterLayout.prefixStart(adapter)),
                        Arrays.stream(SlotContent.tokens(adapter))))
                .toArray();
    }

    private static long[] prefix(Adapter adapter) {
        return adapter.prefix().stream()
                .filter(KeysAndValues.class::isInstance)
                .flatMapToLong(prefix -> LongStream.of(prefix.tokens(), AdapterLayout.prefixStart(adapter)))
                .toArray();
    }

    private static PtNDArray transposedB(TensorScope call, LowRank vectors) {
        float[] transposed = AdapterLayout.transposedB(vectors);
        return call.tensor(transposed, vectors.rank(), vectors.outputs());
    }
}
