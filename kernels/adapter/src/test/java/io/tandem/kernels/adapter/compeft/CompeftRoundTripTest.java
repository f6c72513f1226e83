package io.tandem.kernels.adapter.compeft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.adapter.peft.PeftFormat;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import io.tandem.kernels.testing.Seeded;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class CompeftRoundTripTest {
    private static final CompressionSettings MAGNITUDE =
            new CompressionSettings(0.0625, 0, new CompressionSettings.Scale.LeastSquares());

    private final ModelConfig model = TinyModel.of(TinyModel.Variant.LLAMA, 1).config();

    @RegisterExtension
    private final Seeded seeded = new Seeded();

    private final long seed = seeded.seed();

    @TempDir
    Path temporary;

    private Path file() {
        return temporary.resolve("x.compeft");
    }

    /** Of layer 1's k_proj; what {@link CompeftFile} holds. */
    private static Adapter tiny() {
        float[] a = new float[32];
        float[] b = new float[16];
        a[2] = 2;
        a[9] = -2;
        b[5] = 2;
        LoraConfig config = new LoraConfig(1, 2, false, Set.of(TargetModule.K_PROJ), "m");
        return new Adapter(config, Map.of(new Site(1, TargetModule.K_PROJ), new LowRank(1, 32, 16, a, b, 2)));
    }

    @Test
    void theBytesAreThoseOfTheDescription() throws IOException {
        CompressionReport report = CompeftFormat.write(file(), tiny(), MAGNITUDE);
        assertThat(Files.readAllBytes(file())).isEqualTo(new CompeftFile().bytes());
        assertThat(report.bytes()).isEqualTo(Files.size(file()));
        assertThat(report.parameters()).isEqualTo(48);
        assertThat(report.bfloat16Bytes()).isEqualTo(96);
        assertThat(report.ratio()).isEqualTo(96.0 / Files.size(file()));
        assertThat(report.density()).isEqualTo(3.0 / 48);
        assertThat(report.error()).isZero();
    }

    @Test
    void aFileMadeByHandIsRead() throws IOException {
        Adapter read = CompeftFormat.read(new CompeftFile().write(file()), model, 1);
        assertThat(read).usingRecursiveComparison().isEqualTo(tiny());
    }

    @ParameterizedTest
    @EnumSource(TinyModel.Variant.class)
    void whatIsReadIsWhatWasCompressed(TinyModel.Variant variant) throws IOException {
        ModelConfig own = TinyModel.of(variant, 1).config();
        Adapter adapter = TinyAdapters.mixedRanks(own, LoraConfig.allLinears(), 5, seed);
        CompressionSettings settings = CompressionSettings.of(0.2);
        TernaryAdapter compressed = new Compressor(adapter).compress(settings).adapter();
        CompeftFormat.write(file(), adapter, settings);
        assertThat(CompeftFormat.readTernary(file(), own, 5))
                .usingRecursiveComparison()
                .isEqualTo(compressed);
        assertThat(CompeftFormat.read(file(), own, 5))
                .usingRecursiveComparison()
                .isEqualTo(compressed.decode());
    }

    @Test
    void theSameAdapterGivesTheSameBytes() throws IOException {
        Adapter adapter = TinyAdapters.mixedRanks(model, LoraConfig.allLinears(), 4, seed);
        CompeftFormat.write(file(), adapter, CompressionSettings.of(0.1));
        Adapter again = TinyAdapters.mixedRanks(model, LoraConfig.allLinears(), 4, seed);
        CompeftFormat.write(temporary.resolve("y"), again, CompressionSettings.of(0.1));
        assertThat(temporary.resolve("y")).hasSameBinaryContentAs(file());
    }

    @Test
    void scalingsAndModulesBeyondTheConfigurationSurvive() throws IOException {
        Adapter plain = TinyAdapters.random(model, EnumSet.of(TargetModule.O_PROJ), 2, seed);
        LowRank module = plain.factors().get(plain.factors().firstKey());
        LowRank own = new LowRank(2, module.inputs(), module.outputs(), module.a(), module.b(), -0.1);
        LoraConfig config = new LoraConfig(2, 4, true, Set.of(TargetModule.Q_PROJ), "name \"with\" quotes é");
        Adapter adapter = new Adapter(config, Map.of(new Site(0, TargetModule.O_PROJ), own));
        CompeftFormat.write(file(), adapter, CompressionSettings.of(0.3));
        Adapter read = CompeftFormat.read(file(), model, 2);
        assertThat(read.config())
                .isEqualTo(new LoraConfig(
                        2, 4, true, Set.of(TargetModule.Q_PROJ, TargetModule.O_PROJ), config.baseModel()));
        assertThat(read.factors().get(new Site(0, TargetModule.O_PROJ)).scaling())
                .isEqualTo(-0.1);
    }

    @Test
    void aFileIsReplacedAndNothingIsLeftBesideIt() throws IOException {
        Files.writeString(file(), "something older and longer ".repeat(100));
        CompeftFormat.write(file(), tiny(), MAGNITUDE);
        CompeftFormat.read(file(), model, 1);
        try (Stream<Path> all = Files.list(temporary)) {
            assertThat(all).containsExactly(file());
        }
    }

    @Test
    void theReportComparesWithPeftsDirectory() throws IOException {
        Path directory = temporary.resolve("peft");
        PeftFormat.write(directory, tiny(), model);
        CompressionReport report = CompeftFormat.write(file(), tiny(), MAGNITUDE);
        long bytes = Files.size(directory.resolve("adapter_config.json"))
                + Files.size(directory.resolve("adapter_model.safetensors"));
        assertThat(report.ratioTo(directory)).isCloseTo((double) bytes / Files.size(file()), within(1e-12));
    }

    @Test
    void whatNoReaderWouldAcceptIsNotWritten() {
        Adapter nan = tiny();
        nan.factors().get(nan.factors().firstKey()).b()[3] = Float.NaN;
        refused(nan, "model.layers.1.self_attn.k_proj has a value that is not finite");
        refused(new Adapter(tiny().config(), Map.of()), "changes no module");
        LowRank module = tiny().factors().get(tiny().factors().firstKey());
        LowRank endless = new LowRank(1, 32, 16, module.a(), module.b(), Double.POSITIVE_INFINITY);
        refused(
                new Adapter(tiny().config(), Map.of(new Site(1, TargetModule.K_PROJ), endless)),
                "has the scaling Infinity");
        refused(
                new Adapter(new LoraConfig(1, 1e10, false, Set.of(), ""), tiny().modules()),
                "alpha is 1.0E10, expected at most 1.0E9");
        refused(
                new Adapter(new LoraConfig(1, 2, false, Set.of(), "x".repeat(5000)), tiny().modules()),
                "longer than 4096");
    }

    private void refused(Adapter adapter, String expected) {
        assertThatThrownBy(() -> CompeftFormat.write(file(), adapter, MAGNITUDE))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(expected);
        assertThat(file()).doesNotExist();
    }
}
