package io.tandem.kernels.reference;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import io.tandem.kernels.testing.Tolerances;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class ReferenceDecoderTest {
    private static final int[] TOKENS = {3, 60, 0, 17, 17, 5, 42, 8, 29, 11};
    private static final int[] LABELS = {60, 0, ReferenceDecoder.IGNORED, 17, 5, 42, 8, ReferenceDecoder.IGNORED, 11, 2
    };

    /**
     * One head of two channels, so that everything can be followed with a pocket calculator: the scores of position 1
     * are sqrt(2) sin(1) and sqrt(2); v swaps channels, o doubles, gate takes channel 0 and up three times channel 1.
     */
    @Test
    void aModelOfTwoChannelsGivesWhatTheFormulasGive() {
        ModelConfig model = ModelConfig.llama(1, 2, 1, 1, 2, 1, 3)
                .maxPositions(8)
                .epsilon(0)
                .build();
        Map<String, float[]> weights = new HashMap<>();
        weights.put("model.embed_tokens.weight", new float[] {1, 1, 1, -1, 2, 0});
        weights.put("model.layers.0.input_layernorm.weight", new float[] {1, 1});
        weights.put("model.layers.0.self_attn.q_proj.weight", new float[] {1, 0, 0, 1});
        weights.put("model.layers.0.self_attn.k_proj.weight", new float[] {1, 0, 0, 1});
        weights.put("model.layers.0.self_attn.v_proj.weight", new float[] {0, 1, 1, 0});
        weights.put("model.layers.0.self_attn.o_proj.weight", new float[] {2, 0, 0, 2});
        weights.put("model.layers.0.post_attention_layernorm.weight", new float[] {1, 1});
        weights.put("model.layers.0.mlp.gate_proj.weight", new float[] {1, 0});
        weights.put("model.layers.0.mlp.up_proj.weight", new float[] {0, 3});
        weights.put("model.layers.0.mlp.down_proj.weight", new float[] {1, -1});
        weights.put("model.norm.weight", new float[] {1, 2});
        weights.put("lm_head.weight", new float[] {1, 0, 0, 1, 1, 1});
        double[][] logits = new ReferenceDecoder(model, weights).logits(new int[] {0, 1}, null);
        Tolerances.FLOAT64.check(
                "position 0", new double[] {1.3974486823266277, 0.43422197209985913, 1.8316706544264867}, logits[0]);
        Tolerances.FLOAT64.check(
                "position 1", new double[] {1.325997108453295, -0.9833242972153194, 0.34267281123797566}, logits[1]);
        double sum = Math.exp(logits[1][0]) + Math.exp(logits[1][1]) + Math.exp(logits[1][2]);
        assertThat(ReferenceDecoder.loss(logits, new int[] {ReferenceDecoder.IGNORED, 2}))
                .isCloseTo(-Math.log(Math.exp(logits[1][2]) / sum), within(1e-12));
    }

    @Test
    void probabilitiesOfARowSumToOneAndFollowTheScores() {
        TinyModel model = TinyModel.of(TinyModel.Variant.MHA, 1);
        ReferenceDecoder decoder = new ReferenceDecoder(model.config(), model.weights());
        double[][] keys = new double[5][8];
        double[] query = new double[8];
        query[3] = 2;
        for (int s = 0; s < 5; s++) {
            keys[s][3] = 100 * s;
        }
        keys[1][3] = 100 * 4;
        for (int i = 0; i < 5; i++) {
            double[] row = decoder.attentionRow(query, 0, keys, 0, i);
            double sum = 0;
            for (double p : row) {
                sum += p;
            }
            assertThat(row).hasSize(i + 1);
            assertThat(sum).isCloseTo(1, within(1e-12));
        }
        double[] last = decoder.attentionRow(query, 0, keys, 0, 4);
        assertThat(last[1]).isCloseTo(0.5, within(1e-12));
        assertThat(last[4]).isCloseTo(0.5, within(1e-12));
    }

    @ParameterizedTest
    @EnumSource
    void aTokenDoesNotSeeWhatFollows(TinyModel.Variant variant) {
        TinyModel model = TinyModel.of(variant, 2);
        ReferenceDecoder decoder = new ReferenceDecoder(model.config(), model.weights());
        double[][] whole = decoder.logits(TOKENS, null);
        double[][] beginning = decoder.logits(Arrays.copyOf(TOKENS, 6), null);
        for (int i = 0; i < 6; i++) {
            Tolerances.EXACT.check("position " + i, beginning[i], whole[i]);
        }
        assertThat(whole[9]).isNotEqualTo(whole[8]);
    }

    @ParameterizedTest
    @EnumSource
    void anAdapterIsTheSameAsItsProductAddedToTheWeights(TinyModel.Variant variant) {
        TinyModel model = TinyModel.of(variant, 3);
        Adapter adapter = TinyAdapters.mixedRanks(model.config(), LoraConfig.allLinears(), 4, 4);
        double[][] base = new ReferenceDecoder(model.config(), model.weights()).logits(TOKENS, null);
        double[][] applied = new ReferenceDecoder(model.config(), model.weights()).logits(TOKENS, adapter);
        double[][] merged = new ReferenceDecoder(model.config(), merged(model, adapter)).logits(TOKENS, null);
        for (int i = 0; i < TOKENS.length; i++) {
            // The sums of the merged weights are rounded to float32.
            Tolerances.FLOAT32_LOGITS.check("position " + i, merged[i], applied[i]);
        }
        double change = 0;
        for (int j = 0; j < base[9].length; j++) {
            change = Math.max(change, Math.abs(base[9][j] - applied[9][j]));
        }
        assertThat(change).isGreaterThan(0.1);
    }

    private static Map<String, float[]> merged(TinyModel model, Adapter adapter) {
        Map<String, float[]> merged = new HashMap<>(model.weights());
        adapter.factors().forEach((site, f) -> {
            float[] weight = merged.get(site + ".weight").clone();
            for (int o = 0; o < f.outputs(); o++) {
                for (int in = 0; in < f.inputs(); in++) {
                    double product = 0;
                    for (int r = 0; r < f.rank(); r++) {
                        product += (double) f.b()[o * f.rank() + r] * f.a()[r * f.inputs() + in];
                    }
                    weight[o * f.inputs() + in] += (float) (f.scaling() * product);
                }
            }
            merged.put(site + ".weight", weight);
        });
        return merged;
    }

    @Test
    void differencesOfTheLossAgreeAtTwoStepsForEveryModule() {
        TinyModel model = TinyModel.of(TinyModel.Variant.LLAMA, 5);
        Adapter adapter = TinyAdapters.random(model.config(), LoraConfig.allLinears(), 3, 6);
        for (TargetModule module : LoraConfig.allLinears()) {
            Site site = new Site(1, module);
            double coarse = difference(model, adapter, site, 0x1p-8f);
            double fine = difference(model, adapter, site, 0x1p-10f);
            assertThat(fine).as("" + site).isCloseTo(coarse, within(1e-3 * Math.max(1, Math.abs(coarse))));
            assertThat(Math.abs(fine)).as("" + site).isGreaterThan(1e-4);
        }
    }

    /**
     * For a factor B of the last layer's down projection the gradient can be written down, because the residual stream
     * is linear in it: {@code (p - onehot) W_head d(norm)}. It must be what the loss does when B moves.
     */
    @Test
    void theLossMovesAsItsGradientSays() {
        TinyModel model = TinyModel.of(TinyModel.Variant.LLAMA, 5);
        Adapter adapter = TinyAdapters.random(model.config(), LoraConfig.allLinears(), 3, 6);
        Site down = new Site(1, TargetModule.DOWN_PROJ);
        ReferenceDecoder decoder = new ReferenceDecoder(model.config(), model.weights());
        double[][] x = decoder.hidden(TOKENS, adapter);
        double[][] moved = decoder.hidden(TOKENS, withB(adapter, down, 1));
        double[][] logits = decoder.logits(TOKENS, adapter);
        double gradient = 0;
        for (int i = 0; i < TOKENS.length; i++) {
            if (LABELS[i] != ReferenceDecoder.IGNORED) {
                double[] dy = normDerivative(model, x[i], moved[i]);
                gradient += lossDerivative(model, logits[i], LABELS[i], dy);
            }
        }
        Tolerances.DIFFERENCES.check(
                "dB[4][1] of " + down, new double[] {gradient}, new double[] {difference(model, adapter, down, 0x1p-10f)
                });
    }

    /** Change of the final norm's output when x moves towards another point at speed 1. */
    private static double[] normDerivative(TinyModel model, double[] x, double[] target) {
        int n = x.length;
        double squares = 0;
        double inner = 0;
        for (int j = 0; j < n; j++) {
            squares += x[j] * x[j];
            inner += x[j] * (target[j] - x[j]);
        }
        double scale = Math.pow(squares / n + model.config().norms().epsilon(), -0.5);
        double[] dy = new double[n];
        for (int j = 0; j < n; j++) {
            double dx = target[j] - x[j];
            dy[j] = model.weights().get("model.norm.weight")[j] * (scale * dx - x[j] * Math.pow(scale, 3) * inner / n);
        }
        return dy;
    }

    private static double lossDerivative(TinyModel model, double[] logits, int label, double[] dy) {
        double sum = Arrays.stream(logits).map(Math::exp).sum();
        double derivative = 0;
        for (int v = 0; v < logits.length; v++) {
            double dLogit = 0;
            for (int j = 0; j < dy.length; j++) {
                dLogit += model.weights().get("lm_head.weight")[v * dy.length + j] * dy[j];
            }
            derivative += (Math.exp(logits[v]) / sum - (v == label ? 1 : 0)) * dLogit;
        }
        return derivative;
    }

    /** Central difference of the loss for the element [4][1] of B, by the step that float32 really made of it. */
    private static double difference(TinyModel model, Adapter adapter, Site site, float step) {
        ReferenceDecoder decoder = new ReferenceDecoder(model.config(), model.weights());
        Adapter low = withB(adapter, site, -step);
        Adapter high = withB(adapter, site, step);
        double change = ReferenceDecoder.loss(decoder.logits(TOKENS, high), LABELS)
                - ReferenceDecoder.loss(decoder.logits(TOKENS, low), LABELS);
        int at = 4 * adapter.modules().get(site).rank() + 1;
        return change
                / ((double) high.factors().get(site).b()[at]
                        - low.factors().get(site).b()[at]);
    }

    private static Adapter withB(Adapter adapter, Site site, float step) {
        LowRank f = adapter.factors().get(site);
        float[] b = f.b().clone();
        b[4 * f.rank() + 1] += step;
        Map<Site, LowRank> modules = new TreeMap<>(adapter.factors());
        modules.put(site, new LowRank(f.rank(), f.inputs(), f.outputs(), f.a(), b, f.scaling()));
        return new Adapter(adapter.config(), modules);
    }
}
