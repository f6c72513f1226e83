package io.tandem.kernels.decoder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.PreparedAdapter;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.Prefix;
import io.tandem.kernels.adapter.Prompt;
import io.tandem.kernels.adapter.PromptConfig;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import java.util.Arrays;
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
