package io.tandem.kernels.decoder;

import io.tandem.kernels.PreparedAdapter;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.Bottleneck;
import io.tandem.kernels.adapter.Change;
import io.tandem.kernels.adapter.Core;
import io.tandem.kernels.adapter.Dora;
import io.tandem.kernels.adapter.FullModule;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.adapter.Parameter;
import io.tandem.kernels.adapter.Prefix;
import io.tandem.kernels.adapter.Scale;
import io.tandem.kernels.adapter.Scale.Side;
import io.tandem.kernels.adapter.SingleWeights;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.model.JoinedLinear;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.ToIntFunction;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Where the modules of an adapter lie in the banks of {@code adapter/low_rank.py}: one bank for each joined linear of
 * each layer, the parts of a joined linear one after the other in the bank's ranks.
 */
final class AdapterLayout {
    private final ModelConfig model;
    /** The joined linears of a layer, in the order in which the TorchScript sources number them. */
    private final List<JoinedLinear> linears;

    AdapterLayout(ModelConfig model) {
        this.model = model;
        this.linears = model.linears();
    }

    List<JoinedLinear> linears() {
        return linears;
    }

    /**
     * One module in its bank, or one block, which has a number instead.
     *
     * @param row its first rank there
     * @param frozenRow the first of those that do not learn, if there are any: they follow those of all parts that do
     * @param column its first output
     */
    record Part(int bank, int row, int frozenRow, int column, Site site, Change change) {}

    /**
     * A parameter in the vector of a trainee.
     *
     * @param start its first number there
     */
    record Placed(Part part, Parameter parameter, int start) {
        int length() {
            return parameter.values().length;
        }

        boolean is(String name) {
            return parameter.name().equals(name);
        }

        boolean isFullCore() {
            return is(Core.E) && part.change() instanceof Core core && core.shape() == Core.Shape.FULL;
        }

        private boolean isTransposed() {
            return is(LowRank.B) || is(Bottleneck.UP);
        }
    }

    int banks() {
        return model.layers() * linears.size();
    }

    int inputs(int bank) {
        return linear(bank).inputs(model);
    }

    int outputs(int bank) {
        return linear(bank).outputs(model);
    }

    int layers() {
        return model.layers();
    }

    int layer(int bank) {
        return bank / linears.size();
    }

    JoinedLinear linear(int bank) {
        return linears.get(bank % linears.size());
    }

    /** The parts of a bank that the adapter changes. */
    List<Part> parts(Adapter adapter, int bank) {
        List<Part> parts = new ArrayList<>();
        int row = 0;
        int frozenRow = sum(adapter, bank, Change::learning);
        int column = 0;
        for (TargetModule module : linear(bank).modules()) {
            Site site = site(bank, module);
            @Nullable Change change = adapter.modules().get(site);
            if (change != null) {
                parts.add(new Part(bank, row, frozenRow, column, site, change));
                row += change.learning();
                frozenRow += change.slotRanks() - change.learning();
            }
            column += module.outputs(model);
        }
        return parts;
    }

    /** The blocks that have a bottleneck, counted as in {@code adapter/bottleneck.py}. */
    List<Part> blocks(Adapter adapter) {
        List<Part> parts = new ArrayList<>();
        List<Site> blocks = Site.blocks(model);
        for (int block = 0; block < blocks.size(); block++) {
            @Nullable Change change = adapter.modules().get(blocks.get(block));
            if (change != null) {
                parts.add(new Part(block, 0, 0, 0, blocks.get(block), change));
            }
        }
        return parts;
    }

    /** The modules of which single weights change, bank by bank. */
    List<Part> singleWeights(Adapter adapter) {
        return IntStream.range(0, banks())
                .boxed()
                .flatMap(bank -> parts(adapter, bank).stream())
                .filter(part -> part.change() instanceof SingleWeights)
                .toList();
    }

    private Site site(int bank, TargetModule module) {
        return new Site(layer(bank), module, linear(bank).expert());
    }

    private int sum(Adapter adapter, int bank, ToIntFunction<Change> number) {
        return linear(bank).modules().stream()
                .flatMap(module -> Stream.ofNullable(adapter.modules().get(site(bank, module))))
                .mapToInt(number)
                .sum();
    }

    int ranks(Adapter adapter, int bank) {
        return sum(adapter, bank, Change::slotRanks);
    }

    /** Of those the ones that learn, which come first. */
    int learningRanks(Adapter adapter, int bank) {
        return sum(adapter, bank, Change::learning);
    }

    /** The most ranks that the adapter uses in any layer, for each joined linear. */
    int[] ranksByLinear(Adapter adapter) {
        int[] most = new int[linears.size()];
        for (int bank = 0; bank < banks(); bank++) {
            int linear = bank % linears.size();
            most[linear] = Math.max(most[linear], ranks(adapter, bank));
        }
        return most;
    }

    /** Bank, side and first column of a scale, as {@code scale.put_} takes them. */
    static long[] place(Part part, Scale scale) {
        return scale.side() == Side.INPUT ? new long[] {part.bank(), 0, 0} : new long[] {part.bank(), 1, part.column()};
    }

    /** What the adapter scales in any layer, for each joined linear: 1 the input, 2 the output, 3 both, as in {@code scale.py}. */
    int[] scaledByLinear(Adapter adapter) {
        int[] scaled = new int[linears.size()];
        for (int bank = 0; bank < banks(); bank++) {
            for (Part part : parts(adapter, bank)) {
                if (part.change() instanceof Scale scale) {
                    scaled[bank % linears.size()] |= scale.side() == Side.INPUT ? 1 : 2;
                } else if (part.change() instanceof Dora) {
                    scaled[bank % linears.size()] |= 2;
                }
            }
        }
        return scaled;
    }

    /**
     * The parameters in the order of a trainee's vector: for each bank the A of all its parts, which make one matrix, then
     * the others part by part; then those of blocks.
     */
    List<Placed> parameters(Adapter adapter) {
        List<Placed> placed = new ArrayList<>();
        int start = 0;
        for (int bank = 0; bank < banks(); bank++) {
            List<Part> parts = parts(adapter, bank);
            for (boolean joined : new boolean[] {true, false}) {
                for (Part part : parts) {
                    for (Parameter parameter : part.change().parameters()) {
                        if (parameter.name().equals(LowRank.A) == joined) {
                            placed.add(new Placed(part, parameter, start));
                            start += parameter.values().length;
                        }
                    }
                }
            }
        }
        for (Part part : blocks(adapter)) {
            for (Parameter parameter : part.change().parameters()) {
                placed.add(new Placed(part, parameter, start));
                start += parameter.values().length;
            }
        }
        return placed;
    }

    /** All parameters in one vector, B and U transposed and full cores in {@link CoreOrder}, as the device keeps them. */
    float[] flatten(Adapter adapter) {
        float[] flat = new float[Math.toIntExact(adapter.parameters())];
        for (Placed placed : parameters(adapter)) {
            Parameter p = placed.parameter();
            if (placed.isTransposed()) {
                transpose(p.values(), 0, p.rows(), p.columns(), flat, placed.start());
            } else if (placed.isFullCore()) {
                CoreOrder.flatten(p.values(), p.rows(), flat, placed.start());
            } else {
                System.arraycopy(p.values(), 0, flat, placed.start(), placed.length());
            }
        }
        adapter.prefix()
                .map(prefix -> prefix.parameter().values())
                .ifPresent(values -> System.arraycopy(values, 0, flat, prefixStart(adapter), values.length));
        adapter.full().forEach((module, own) -> {
            float[] values = own.values();
            System.arraycopy(values, 0, flat, fullStart(adapter, module), values.length);
        });
        return flat;
    }

    /** Where the numbers of virtual tokens begin in a trainee's vector: behind those of modules. */
    static int prefixStart(Adapter adapter) {
        long prefix = adapter.prefix().map(Prefix::numbers).orElse(0L);
        return Math.toIntExact(adapter.parameters() - fullNumbers(adapter.full()) - prefix);
    }

    /** Where a module in full begins there: behind everything else, one after the other. */
    static int fullStart(Adapter adapter, FullModule module) {
        return Math.toIntExact(adapter.parameters() - fullNumbers(adapter.full().tailMap(module)));
    }

    private static long fullNumbers(Map<FullModule, Parameter> full) {
        return full.values().stream().mapToLong(own -> own.values().length).sum();
    }

    /** The adapter that {@link #flatten} would lay out like this; all but the numbers is that of the like. */
    Adapter unflatten(float[] flat, Adapter like) {
        SortedMap<Site, Map<String, float[]>> values = new TreeMap<>();
        for (Placed placed : parameters(like)) {
            Parameter p = placed.parameter();
            float[] own = new float[placed.length()];
            if (placed.isTransposed()) {
                // It lies there transposed.
                transpose(flat, placed.start(), /* rows= */ p.columns(), /* columns= */ p.rows(), own, 0);
            } else if (placed.isFullCore()) {
                CoreOrder.unflatten(flat, placed.start(), p.rows(), own);
            } else {
                System.arraycopy(flat, placed.start(), own, 0, own.length);
            }
            values.computeIfAbsent(placed.part().site(), site -> new HashMap<>())
                    .put(p.name(), own);
        }
        SortedMap<Site, Change> modules = new TreeMap<>();
        values.forEach((site, own) -> {
            Change old = Objects.requireNonNull(like.modules().get(site));
            List<float[]> ordered = old.parameters().stream()
                    .map(p -> Objects.requireNonNull(own.get(p.name())))
                    .toList();
            modules.put(site, old.with(ordered));
        });
        Optional<Prefix> prefix =
                like.prefix().map(old -> old.with(part(flat, prefixStart(like), (int) old.numbers())));
        SortedMap<FullModule, Parameter> full = new TreeMap<>();
        like.full().forEach((module, old) -> {
            float[] own = part(flat, fullStart(like, module), old.values().length);
            full.put(module, new Parameter(old.name(), old.rows(), old.columns(), own));
        });
        return like.with(modules, prefix).withFull(full);
    }

    private static float[] part(float[] flat, int start, int length) {
        return Arrays.copyOfRange(flat, start, start + length);
    }

    private static void transpose(float[] from, int fromStart, int rows, int columns, float[] to, int toStart) {
        for (int row = 0; row < rows; row++) {
            for (int column = 0; column < columns; column++) {
                to[toStart + column * rows + row] = from[fromStart + row * columns + column];
            }
        }
    }

    /**
     * See {@link io.tandem.kernels.DeviceModel#prepare}.
     *
     * @throws IllegalArgumentException naming the first module that the model does not have like this
     */
    PreparedAdapter prepare(Adapter adapter, int maxRank, Dtype dtype) {
        new AdapterCheck(model, this, maxRank).check(adapter, dtype);
        SortedMap<Site, float[]> derived = new TreeMap<>();
        adapter.modules().forEach((site, change) -> {
            change.lowRank().ifPresent(factors -> derived.put(site, scaledB(factors)));
            if (change instanceof Scale scale) {
                derived.put(site, scale.differences());
            }
            if (change instanceof Bottleneck bottleneck) {
                derived.put(site, bottleneck.scaledUp());
            }
        });
        return new PreparedAdapter(adapter, derived);
    }

    /** {@code [rank, outputs]}. */
    static float[] transposedB(LowRank factors) {
        float[] b = new float[factors.b().length];
        transpose(factors.b(), 0, factors.outputs(), factors.rank(), b, 0);
        return b;
    }

    private static float[] scaledB(LowRank factors) {
        float[] b = transposedB(factors);
        for (int i = 0; i < b.length; i++) {
            b[i] = factors.scaled(b[i]);
        }
        return b;
    }

    /** Block, width, input and function of each bottleneck, as {@code bottleneck.occupy_} takes them. */
    static long[] places(List<Part> blocks) {
        return blocks.stream()
                .flatMapToLong(part -> part.change() instanceof Bottleneck own
                        ? LongStream.of(
                                part.bank(),
                                own.width(),
                                own.kind().input().code(),
                                own.kind().function().code())
                        : LongStream.empty())
                .toArray();
    }
}
