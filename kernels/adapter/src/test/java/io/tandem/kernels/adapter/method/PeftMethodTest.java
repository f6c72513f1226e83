package io.tandem.kernels.adapter.method;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.adapter.ActivatedConfig;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Bottleneck.Function;
import io.tandem.kernels.adapter.Bottleneck.Input;
import io.tandem.kernels.adapter.Bottleneck.Kind;
import io.tandem.kernels.adapter.BottleneckConfig;
import io.tandem.kernels.adapter.Change;
import io.tandem.kernels.adapter.FullModule;
import io.tandem.kernels.adapter.Ia3Config;
import io.tandem.kernels.adapter.Invocation;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.adapter.Parameter;
import io.tandem.kernels.adapter.Prefix;
import io.tandem.kernels.adapter.PrefixConfig;
import io.tandem.kernels.adapter.PromptConfig;
import io.tandem.kernels.adapter.QuantizedConfig;
import io.tandem.kernels.adapter.SparseConfig;
import io.tandem.kernels.adapter.method.TriadaptloraMethod.Threshold;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class PeftMethodTest {
    private static final int RANK = 3;

    private final ModelConfig model = TinyModel.of(TinyModel.Variant.LLAMA, 1).config();

    static Stream<PeftMethod> methods() {
        Stream<PeftMethod> scales = Stream.of(new Ia3Method(new Ia3Config(Ia3Config.usualLinears(), "base")));
        return Stream.of(seeded(), scales, Stream.of(svfit(), prompt(), prefix(), full()), ofOneLayer())
                .flatMap(some -> some);
    }

    /** Those that can leave layers out, in the second layer alone. */
    static Stream<PeftMethod> ofOneLayer() {
        Set<Integer> second = Set.of(1);
        LoraConfig lora = new LoraConfig(RANK, 6, false, LoraConfig.everyLinear(), second, "base");
        Kind kind = new Kind(Input.OUTPUT, Function.SILU, 1);
        return Stream.of(
                new LoraMethod(lora),
                new DoraMethod(lora),
                new DecompositionMethod(lora, Decomposition.PISSA),
                new BiasedMethod(new LoraMethod(lora)),
                new FloraMethod(lora),
                new IncreloraMethod(lora, GrowthSettings.DEFAULT, OptionalInt.empty()),
                new SvfitMethod(new LoraConfig(RANK, RANK, false, LoraConfig.everyLinear(), second, "base")),
                new AloraMethod(new ActivatedConfig(lora, new Invocation(List.of(1, 2)))),
                new Ia3Method(new Ia3Config(Ia3Config.usualLinears(), second, "base")),
                new BottleneckMethod(
                        new BottleneckConfig(RANK, kind, BottleneckConfig.blocks(), Set.of(), second, "base")));
    }

    /** What its file says of the layers is what its modules say. */
    @ParameterizedTest
    @MethodSource("ofOneLayer")
    void anAdapterOfOneLayerHasNoModulesElsewhere(PeftMethod method) {
        Adapter adapter = method.start(model, 7);
        assertThat(model.layers()).isGreaterThan(1);
        assertThat(adapter.modules().keySet())
                .isEqualTo(new TreeSet<>(method.config().sites(model)))
                .allMatch(site -> site.layer() == 1);
        assertThat(adapter.config().layers()).isEmpty();
    }

    /** Values and vectors which only the weights know. */
    private static PeftMethod svfit() {
        return new SvfitMethod(new LoraConfig(RANK, RANK, false, LoraConfig.everyLinear(), "base"));
    }

    /** With copies of what only the weights know. */
    private static PeftMethod full() {
        return new FullMethod(svfit(), EnumSet.allOf(FullModule.class));
    }

    private static PeftMethod l4q() {
        return new L4qMethod(new QuantizedConfig(new LoraConfig(RANK, 6, false, LoraConfig.everyLinear(), ""), 4, 4));
    }

    private static PeftMethod pst() {
        return new PstMethod(new SparseConfig(RANK, LoraConfig.everyLinear(), ""));
    }

    private static PeftMethod prompt() {
        return new PromptMethod(new PromptConfig(RANK, "base"));
    }

    private static PeftMethod prefix() {
        return new PrefixMethod(new PrefixConfig(RANK, "base"));
    }

    /** Those that start with random numbers. */
    static Stream<PeftMethod> seeded() {
        Kind kind = new Kind(Input.STREAM, Function.RELU, 4);
        BottleneckConfig config = new BottleneckConfig(RANK, kind, BottleneckConfig.blocks(), "base");
        return Stream.concat(withFactors(), Stream.of(new BottleneckMethod(config), l4q(), pst()));
    }

    static Stream<PeftMethod> withFactors() {
        LoraConfig config = new LoraConfig(RANK, 6, false, LoraConfig.everyLinear(), "base");
        LoraConfig stabilized = new LoraConfig(RANK, 6, true, LoraConfig.everyLinear(), "base");
        return Stream.of(
                new LoraMethod(config),
                new LoraMethod(stabilized),
                new DoraMethod(config),
                new GaussianMethod(config),
                new DecompositionMethod(config, Decomposition.PISSA),
                new DecompositionMethod(stabilized, Decomposition.OLORA),
                new BiasedMethod(new LoraMethod(config)),
                new DyloraMethod(config),
                new FloraMethod(config),
                new IncreloraMethod(config, GrowthSettings.DEFAULT, OptionalInt.empty()),
                new TriadaptloraMethod(config, GrowthSettings.DEFAULT, Threshold.LINEAR),
                new AloraMethod(new ActivatedConfig(config, new Invocation(List.of(1, 2)))));
    }

    /** The plan for memory is made before there is an adapter. */
    @ParameterizedTest
    @MethodSource("methods")
    void parametersAreThoseOfTheAdapter(PeftMethod method) {
        assertThat(method.parameters(model).sorted().toArray())
                .isEqualTo(parameters(method.start(model, 7))
                        .mapToLong(p -> p.values().length)
                        .sorted()
                        .toArray());
    }

    @ParameterizedTest
    @MethodSource("seeded")
    void theSeedDecides(PeftMethod method) {
        assertThat(numbers(method.start(model, 7))).isEqualTo(numbers(method.start(model, 7)));
        assertThat(numbers(method.start(model, 7))).isNotEqualTo(numbers(method.start(model, 8)));
    }

    /** No product, the norms of the weight in DoRA, and factors of one are no change. */
    @ParameterizedTest
    @MethodSource("methods")
    void anAdapterStartsWithoutAChange(PeftMethod method) {
        assertThat(method.start(model, 7).modules().values())
                .extracting(Change::norm)
                .allMatch(norm -> norm == 0);
    }

    /** As often as each other; the same in a step that is repeated, and others with another seed. */
    @Test
    void dyloraDrawsTheRanksOfAStep() {
        PeftMethod method = new DyloraMethod(new LoraConfig(4, 8, false, LoraConfig.everyLinear(), "base"));
        int[] counts = new int[5];
        int same = 0;
        for (int step = 0; step < 4000; step++) {
            counts[method.ranks(9, step)]++;
            same += method.ranks(9, step) == method.ranks(10, step) ? 1 : 0;
        }
        assertThat(counts[0]).isZero();
        assertThat(Arrays.stream(counts).skip(1)).allMatch(count -> count > 850 && count < 1150);
        assertThat(same).isBetween(850, 1150);
    }

    /** What DyLoRA serves of an adapter: {@code alpha / b} times the first b columns of B and rows of A. */
    @Test
    void firstRanksAreAnAdapterThatHasNoMore() {
        Adapter all = TinyAdapters.random(model, Set.of(TargetModule.Q_PROJ), 4, 5);
        Adapter two = all.firstRanks(2);
        assertThat(two.config().rank()).isEqualTo(2);
        two.factors().forEach((site, first) -> {
            LowRank whole = all.factors().get(site);
            assertThat(first.scaling()).isEqualTo(all.lora().alpha() / 2);
            assertThat(first.a()).containsExactly(Arrays.copyOf(whole.a(), 2 * whole.inputs()));
            for (int row = 0; row < first.outputs(); row++) {
                assertThat(first.b()[2 * row + 1]).isEqualTo(whole.b()[4 * row + 1]);
            }
        });
        assertThat(all.firstRanks(4).factors()).isEqualTo(all.factors());
    }

    /** The head of a model with tied embeddings is its embedding. */
    @ParameterizedTest
    @CsvSource({"LLAMA, lm_head", "QWEN2, model.embed_tokens"})
    void modulesInFullStartAsTheModelsOwn(TinyModel.Variant variant, String head) {
        ModelConfig own = TinyModel.of(variant, 1).config();
        Map<String, float[]> weights = new HashMap<>();
        for (String module : List.of("model.embed_tokens", "lm_head")) {
            float[] values = new float[own.vocab() * own.hidden()];
            Arrays.fill(values, module.length());
            weights.put(module, values);
        }
        PeftMethod method = new FullMethod(
                new Ia3Method(new Ia3Config(Ia3Config.usualLinears(), "")), EnumSet.allOf(FullModule.class));
        Adapter start = method.start(own, weights::get, 7);
        assertThat(start.full().get(FullModule.EMBED_TOKENS).values()).isEqualTo(weights.get("model.embed_tokens"));
        assertThat(start.full().get(FullModule.LM_HEAD).values()).isEqualTo(weights.get(head));
        Adapter resumed = method.resume(start, (site, name) -> new float[0]);
        assertThat(resumed).usingRecursiveComparison().isEqualTo(start);
        assertThatThrownBy(() -> method.resume(start.withFull(Map.of()), (site, name) -> new float[0]))
                .hasMessageContaining("other modules in full");
    }

    @Test
    void scalingsFollowTheConfiguration() {
        assertThat(withFactors().map(method -> scaling(method.start(model, 1))))
                .usingElementComparator((a, b) -> Math.abs(a - b) < 1e-12 ? 0 : Double.compare(a, b))
                .containsExactly(
                        2.0, 6 / Math.sqrt(RANK), 2.0, 2.0, 2.0, 6 / Math.sqrt(RANK), 2.0, 2.0, 2.0, 6.0, 6.0, 2.0);
    }

    /** Virtual tokens start as tokens of the vocabulary, which only a device knows. */
    @Test
    void theSeedDrawsTheVirtualTokens() {
        assertThat(drawn(7)).hasSize(RANK).isEqualTo(drawn(7)).isNotEqualTo(drawn(8));
        assertThat(drawn(7)).allMatch(token -> token >= 0 && token < model.vocab());
    }

    private List<Integer> drawn(long seed) {
        Prefix prefix = prompt().start(model, seed).prefix().orElseThrow();
        assertThat(prefix.isFresh()).isTrue();
        return Arrays.stream(prefix.vocabulary()).boxed().toList();
    }

    @Test
    void theDocumentedExampleIsCompiled() throws IOException {
        String source = Files.readString(Path.of("src/test/java/io/tandem/kernels/adapter/method/GaussianMethod.java"));
        String page = Files.readString(Path.of("../../docs/adding-a-method.md"));
        assertThat(page).contains("```java\n" + source.substring(source.indexOf("/** LoRA")) + "```");
        assertThat(page.lines().count()).isLessThan(150);
    }

    private static double scaling(Adapter adapter) {
        return adapter.modules()
                .values()
                .iterator()
                .next()
                .lowRank()
                .orElseThrow()
                .scaling();
    }

    private static Stream<Parameter> parameters(Adapter adapter) {
        return Stream.of(
                        adapter.modules().values().stream().flatMap(change -> change.parameters().stream()),
                        adapter.prefix().map(Prefix::parameter).stream(),
                        adapter.full().values().stream())
                .flatMap(own -> own);
    }

    private static long[] numbers(Adapter adapter) {
        return parameters(adapter)
                .flatMapToLong(p -> {
                    float[] values = p.values();
                    return LongStream.range(0, values.length).map(i -> Float.floatToIntBits(values[(int) i]));
                })
                .toArray();
    }
}
