package io.tandem.kernels.decoder;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.PreparedAdapter;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
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
    void aVectorOfFactorsReadsBackAsTheAdapter() {
        Adapter back = layout.unflatten(layout.flatten(adapter), adapter);
        adapter.factors().forEach((site, factors) -> {
            assertThat(back.factors().get(site).a()).containsExactly(factors.a());
            assertThat(back.factors().get(site).b()).containsExactly(factors.b());
        });
    }
}
