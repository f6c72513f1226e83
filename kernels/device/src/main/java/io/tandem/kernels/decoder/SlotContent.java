package io.tandem.kernels.decoder;

import ai.djl.pytorch.engine.PtNDArray;
import io.tandem.kernels.PreparedAdapter;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.BiasedFactors;
import io.tandem.kernels.adapter.Bottleneck;
import io.tandem.kernels.adapter.Change;
import io.tandem.kernels.adapter.Dora;
import io.tandem.kernels.adapter.FullModule;
import io.tandem.kernels.adapter.KeysAndValues;
import io.tandem.kernels.adapter.OwnWeight;
import io.tandem.kernels.adapter.Parameter;
import io.tandem.kernels.adapter.Prefix;
import io.tandem.kernels.adapter.Prompt;
import io.tandem.kernels.adapter.Scale;
import io.tandem.kernels.adapter.SingleWeights;
import io.tandem.kernels.decoder.AdapterArguments.Content;
import io.tandem.kernels.decoder.AdapterLayout.Part;
import io.tandem.kernels.tensor.TensorScope;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

/** What a slot gets of an adapter, as the script is told. */
final class SlotContent {
    private SlotContent() {}

    /** @param learning whether the slot gets what learns of it too; otherwise that is zero there */
    static Content of(TensorScope call, AdapterLayout layout, PreparedAdapter prepared, boolean learning) {
        Adapter adapter = prepared.adapter();
        Map<FullModule, Parameter> matrices = learning ? adapter.full() : Map.of();
        List<Part> parts = parts(layout, adapter);
        List<long[]> factors = new ArrayList<>();
        List<PtNDArray> a = new ArrayList<>();
        List<PtNDArray> b = new ArrayList<>();
        List<PtNDArray> magnitudes = new ArrayList<>();
        List<long[]> scales = new ArrayList<>();
        List<PtNDArray> differences = new ArrayList<>();
        for (Part part : parts) {
            float[] derived = Objects.requireNonNull(prepared.derived().get(part.site()));
            Change change = part.change();
            int split = change.learning();
            if (learning && split > 0) {
                factors.add(new long[] {part.bank(), part.row(), part.column()});
                a.add(ranks(call, change.right(), change.inputs(), 0, split));
                b.add(ranks(call, derived, change.outputs(), 0, split));
            }
            if (split < change.rank()) {
                factors.add(new long[] {part.bank(), part.frozenRow(), part.column()});
                a.add(ranks(call, change.right(), change.inputs(), split, change.rank()));
                b.add(ranks(call, derived, change.outputs(), split, change.rank()));
            }
            if (!learning) {
                continue;
            }
            if (change instanceof BiasedFactors biased) {
                factors.add(new long[] {part.bank(), part.frozenRow(), part.column()});
                a.add(call.tensor(new float[biased.inputs()], 1, biased.inputs()));
                b.add(call.tensor(biased.scaledBias(), 1, biased.outputs()));
            }
            if (change instanceof Dora dora) {
                float[] magnitude = dora.magnitude().orElseGet(() -> new float[0]);
                magnitudes.add(call.tensor(magnitude, magnitude.length));
            }
            if (change instanceof Scale scale) {
                scales.add(AdapterLayout.place(part, scale));
                differences.add(call.tensor(derived, derived.length));
            }
        }
        List<Part> blocks = learning ? layout.blocks(adapter) : List.of();
        List<Part> single = layout.singleWeights(adapter);
        return new Content(
                RowEncoder.flatten(factors),
                a,
                b,
                magnitudes,
                constants(parts),
                RowEncoder.flatten(scales),
                differences,
                learning ? numbers(call, adapter, Prompt.class) : List.of(),
                learning ? tokens(adapter) : new long[0],
                learning ? numbers(call, adapter, KeysAndValues.class) : List.of(),
                AdapterLayout.places(blocks),
                tensors(call, prepared, blocks),
                matrices.keySet().stream().mapToLong(FullSlots::code).toArray(),
                matrices.values().stream()
                        .map(p -> call.tensor(p.values(), p.rows(), p.columns()))
                        .toList(),
                places(single),
                each(single, own -> call.tensor(own.coordinates(), 2, own.count())),
                each(single, own -> call.tensor(learning ? own.values() : new float[own.count()], own.count())));
    }

    /** Those in tables that all slots have, factors with magnitudes first. */
    private static List<Part> parts(AdapterLayout layout, Adapter adapter) {
        return IntStream.range(0, layout.banks())
                .boxed()
                .flatMap(bank -> layout.parts(adapter, bank).stream())
                .filter(part -> !(part.change() instanceof SingleWeights || part.change() instanceof OwnWeight))
                .sorted(Comparator.comparing(part -> !(part.change() instanceof Dora)))
                .toList();
    }

    /** Bank and row of each bias. */
    private static long[] constants(List<Part> parts) {
        return parts.stream()
                .filter(part -> part.change() instanceof BiasedFactors)
                .flatMapToLong(part -> LongStream.of(part.bank(), part.frozenRow()))
                .toArray();
    }

    /** Bank and first output of each. */
    private static long[] places(List<Part> parts) {
        return parts.stream()
                .flatMapToLong(part -> LongStream.of(part.bank(), part.column()))
                .toArray();
    }

    private static List<PtNDArray> each(List<Part> parts, Function<SingleWeights, PtNDArray> tensor) {
        return parts.stream()
                .map(part -> tensor.apply((SingleWeights) part.change()))
                .toList();
    }

    /** Three of each bottleneck, as {@code bottleneck.put_} takes them. */
    private static List<PtNDArray> tensors(TensorScope call, PreparedAdapter prepared, List<Part> blocks) {
        List<PtNDArray> tensors = new ArrayList<>();
        for (Part part : blocks) {
            if (part.change() instanceof Bottleneck own) {
                float[] up = Objects.requireNonNull(prepared.derived().get(part.site()));
                tensors.add(call.tensor(own.down(), own.width(), own.channels()));
                tensors.add(call.tensor(own.downBias(), own.width()));
                tensors.add(call.tensor(up, 1 + own.width(), own.channels()));
            }
        }
        return tensors;
    }

    /** Rows of a factor [ranks, width]. */
    private static PtNDArray ranks(TensorScope call, float[] factor, int width, int from, int to) {
        boolean all = to * width == factor.length && from == 0;
        return call.tensor(all ? factor : Arrays.copyOfRange(factor, from * width, to * width), to - from, width);
    }

    /** Of virtual tokens of this kind. */
    private static List<PtNDArray> numbers(TensorScope call, Adapter adapter, Class<? extends Prefix> kind) {
        return adapter.prefix().stream()
                .filter(kind::isInstance)
                .flatMap(prefix ->
                        prefix.values().map(own -> call.tensor(own, prefix.tokens(), prefix.width())).stream())
                .toList();
    }

    /** Of the vocabulary, whose embeddings the virtual tokens start with; none if they have their own. */
    static long[] tokens(Adapter adapter) {
        return adapter.prefix().stream()
                .filter(prefix -> prefix instanceof Prompt && prefix.isFresh())
                .flatMapToLong(prefix -> Arrays.stream(prefix.vocabulary()).asLongStream())
                .toArray();
    }
}
