package io.tandem.kernels.adapter.learning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.adapter.learning.LearningPolicy.Setting;
import io.tandem.kernels.adapter.method.DoraMethod;
import io.tandem.kernels.adapter.method.LoraMethod;
import io.tandem.kernels.adapter.peft.PeftFormat;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class PdpPolicyTest {
    private static final ModelConfig MODEL =
            TinyModel.of(TinyModel.Variant.LLAMA, 1).config();
    private static final LoraConfig CONFIG = new LoraConfig(2, 4, false, Set.of(TargetModule.Q_PROJ), "");

    private static LearningRun run(double sparsity) {
        return new PdpPolicy(sparsity).start(new Setting(2, 100, 100, 1), LearningState.NONE);
    }

    /** A module whose ranks have A rows of ones and these numbers everywhere in B. */
    private static LowRank ranks(float... b) {
        int inputs = TargetModule.Q_PROJ.inputs(MODEL);
        int outputs = TargetModule.Q_PROJ.outputs(MODEL);
        float[] ones = new float[b.length * inputs];
        Arrays.fill(ones, 1);
        float[] all = new float[outputs * b.length];
        for (int i = 0; i < all.length; i++) {
            all[i] = b[i % b.length];
        }
        return new LowRank(b.length, inputs, outputs, ones, all, 2);
    }

    private static Adapter adapter(LowRank first, LowRank second) {
        return new Adapter(
                CONFIG,
                new TreeMap<>(
                        Map.of(new Site(0, TargetModule.Q_PROJ), first, new Site(1, TargetModule.Q_PROJ), second)));
    }

    @ParameterizedTest
    @CsvSource({"0, 0", "20, 0", "45, 0.4", "70, 0.8", "99, 0.8", "100, 0.8"})
    void masksBeginAfterAFifthAndAreAllThereBeforeTheEnd(int step, double expected) {
        assertThat(run(0.8).plan(step).sparsity()).isCloseTo(expected, within(1e-12));
        assertThat(run(0.8).measuring(step)).isEqualTo(run(0.8).plan(step));
        assertThat(run(0.8).plan(step).layers()).isEmpty();
    }

    @Test
    void whatChangesLeastOfAllModulesIsPruned() {
        Adapter adapter = adapter(ranks(3, 1), ranks(2, -4));
        RankPruning pruning = new RankPruning(adapter, 2);
        Adapter pruned = pruning.pruned();
        double unit = 2 * Math.sqrt((double) ranks(1).inputs() * ranks(1).outputs());
        assertThat(pruning.thresholdSquared()).isCloseTo(2.5 * 2.5 * unit * unit, within(1e-3));
        assertThat(pruned.factors().values()).extracting(LowRank::rank).containsExactly(1, 1);
        LowRank first = pruned.factors().get(new Site(0, TargetModule.Q_PROJ));
        // 3^2 is 0.44 more than 2.5^2, in units of that.
        float mask = (float) (1 / (1 + Math.exp(-0.44 / 0.1)));
        assertThat(first.b()).containsOnly(3 * mask);
        assertThat(first.scaling()).isEqualTo(2);
        assertThat(pruning.masked()
                        .factors()
                        .get(new Site(1, TargetModule.Q_PROJ))
                        .b()[0])
                .isCloseTo((float) (2 / (1 + Math.exp(3.6))), within(1e-6f));
        assertThat(new RankPruning(adapter, 0).pruned())
                .usingRecursiveComparison()
                .isEqualTo(adapter);
    }

    @Test
    void atLeastOneRankIsLeft() {
        Adapter adapter = adapter(ranks(3, 1), ranks(2, 4));
        assertThat(new RankPruning(adapter, 3).pruned().modules()).containsOnlyKeys(new Site(1, TargetModule.Q_PROJ));
        assertThat(LearningPlan.pruning(0.99).pruned(4)).isEqualTo(3);
        assertThatThrownBy(() -> new RankPruning(adapter, 4)).hasMessageContaining("4 of 4 ranks");
    }

    /** Ranks of their own, and modules that one layer has and another has not, are what PEFT's layout has patterns for. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3})
    void whatIsLeftIsAPeftAdapterOfFewerBytes(int pruned, @TempDir Path directory) throws IOException {
        for (Adapter adapter : new Adapter[] {
            adapter(ranks(3, 1), ranks(2, 4)), adapter(ranks(5, 1), ranks(2, 3)), adapter(ranks(1, 2), ranks(4, 3))
        }) {
            Adapter left = new RankPruning(adapter, pruned).pruned();
            Path folder = Files.createTempDirectory(directory, "left");
            PeftFormat.write(folder, left, MODEL);
            assertThat(PeftFormat.read(folder, MODEL, 8))
                    .usingRecursiveComparison()
                    .isEqualTo(left);
            PeftFormat.write(directory.resolve("whole"), adapter, MODEL);
            String file = "adapter_model.safetensors";
            long whole = Files.size(directory.resolve("whole").resolve(file));
            long rank = Float.BYTES * ((long) ranks(1).inputs() + ranks(1).outputs());
            assertThat(whole - Files.size(folder.resolve(file))).isGreaterThanOrEqualTo(pruned * rank);
        }
    }

    /** The job goes on with all ranks; what is served of it has those that are left. */
    @Test
    void theWholeAdapterGoesOnLearning() {
        Adapter trained = TinyAdapters.random(MODEL, LoraConfig.allLinears(), 4, 1);
        assertThat(run(0.5).pruned(trained, 10)).isEmpty();
        Adapter served = run(0.5).pruned(trained, 100).orElseThrow();
        assertThat(served.factors().values().stream().mapToInt(LowRank::rank).sum())
                .isEqualTo(trained.factors().size() * 2);
    }

    @Test
    void onlyLoraIsPruned() {
        PdpPolicy policy = new PdpPolicy(0.5);
        assertThat(policy.refusal(new LoraMethod(CONFIG))).isEmpty();
        assertThat(policy.refusal(new DoraMethod(CONFIG))).isPresent();
    }
}
