package io.tandem.kernels.decoder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.PreparedAdapter;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.Bottleneck;
import io.tandem.kernels.adapter.Bottleneck.Function;
import io.tandem.kernels.adapter.Bottleneck.Input;
import io.tandem.kernels.adapter.Bottleneck.Kind;
import io.tandem.kernels.adapter.Change;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.Prefix;
import io.tandem.kernels.adapter.Prompt;
import io.tandem.kernels.adapter.PromptConfig;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;

class AdapterLayoutTest {
    private final TinyModel model = TinyModel.of(TinyModel.Variant.LLAMA, 1);
    private final AdapterLayout layout = new AdapterLayout(model.config());
    private final Adapter adapter = TinyAdapters.random(model.config(), LoraConfig.allLinears(), 3, 1);

    /** So that the engine thread has nothing left to compute. */
    @Test
    void aPreparedAdapterHasTheNumbersOfTheSlot() {
        PreparedAdapter prepared = layout.prepare(adapter, 8, Dtype.FLOAT32);
        assertThat(prepared.derived().keySet()).isEqualTo(adapter.factors().keySet());
        adapter.factors().forEach((site, factors) -> {
            float[] scaled = prepared.derived().get(site);
            assertThat(scaled).hasSize(factors.b().length);
            for (int out = 0; out < factors.outputs(); out++) {
                for (int rank = 0; rank < factors.rank(); rank++) {
                    assertThat(scaled[rank * factors.outputs() + out])
                            .isEqualTo((float) (factors.scaling() * factors.b()[out * factors.rank() + rank]));
                }
            }
        });
    }

    @Test
    void bottlenecksThatDoNotFitAreRefused() {
        Kind kind = new Kind(Input.OUTPUT, Function.RELU, 2);
        Adapter fits = TinyAdapters.bottlenecks(model.config(), kind, 8, 1);
        layout.prepare(fits, 8, Dtype.FLOAT32);
        Adapter wide = TinyAdapters.bottlenecks(model.config(), kind, 9, 1);
        refused(layout, wide, "attention_output has a bottleneck of width 9, kernels.max-rank is 8");
        ModelConfig other = ModelConfig.llama(2, 64, 4, 2, 16, 64, 100).build();
        refused(
                new AdapterLayout(other),
                fits,
                "attention_output is [" + model.config().hidden());
        Site mlp = new Site(1, TargetModule.MLP);
        Kind parallel = new Kind(Input.STREAM, Function.RELU, 2);
        Adapter mixed = TinyAdapters.bottlenecks(model.config(), parallel, 3, 1);
        refused(layout, with(fits, mlp, mixed), "mlp_output has another kind of bottleneck");
        Bottleneck square = (Bottleneck) fits.modules().get(new Site(0, TargetModule.MLP));
        Map<Site, Change> modules = Map.of(new Site(0, TargetModule.Q_PROJ), square);
        refused(layout, new Adapter(fits.config(), modules), "q_proj cannot be changed by a bottleneck");
        square.up()[3] = Float.MAX_VALUE;
        refused(layout, fits, "has a weight that is not a finite number");
    }

    private static Adapter with(Adapter adapter, Site site, Adapter from) {
        Map<Site, Change> modules = new HashMap<>(adapter.modules());
        modules.put(site, from.modules().get(site));
        return new Adapter(adapter.config(), modules);
    }

    @Test
    void virtualTokensThatDoNotFitAreRefused() {
        ModelConfig gemma = ModelConfig.llama(1, 32, 4, 2, 8, 64, 100)
                .architecture("Gemma3ForCausalLM")
                .build();
        refused(layout, prompt(9, 32, 1), "has 9 virtual tokens, kernels.max-rank is 8");
        refused(layout, prompt(2, 31, 1), "have 31 numbers, expected 32");
        refused(layout, prompt(2, 32, Float.NaN), "a virtual token has a number that is not finite");
        refused(new AdapterLayout(gemma), prompt(2, 32, 1), "not supported with Gemma 3");
        Prefix beyond = Prompt.fresh(32, new int[] {1, model.config().vocab()});
        refused(layout, new Adapter(new PromptConfig(2, ""), beyond), "a virtual token starts with token");
    }

    private static Adapter prompt(int tokens, int width, float value) {
        float[] embeddings = new float[tokens * width];
        Arrays.fill(embeddings, value);
        return new Adapter(new PromptConfig(tokens, ""), Prompt.of(tokens, width, embeddings));
    }

    private static void refused(AdapterLayout layout, Adapter adapter, String why) {
        assertThatThrownBy(() -> layout.prepare(adapter, 8, Dtype.FLOAT32))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(why);
    }

    @Test
    void aVectorOfFactorsReadsBackAsTheAdapter() {
        Adapter back = layout.unflatten(layout.flatten(adapter), adapter);
        adapter.factors().forEach((site, factors) -> {
            assertThat(back.factors().get(site).a()).containsExactly(factors.a());
            assertThat(back.factors().get(site).b()).containsExactly(factors.b());
        });
    }
}
