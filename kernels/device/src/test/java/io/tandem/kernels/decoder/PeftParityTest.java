package io.tandem.kernels.decoder;

import io.tandem.kernels.IterationOutputs.Draw;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.adapter.peft.PeftFormat;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.model.TargetModule;
import io.tandem.kernels.reference.ReferenceDecoder;
import io.tandem.kernels.testing.PeftDirectory;
import io.tandem.kernels.testing.Seeded;
import io.tandem.kernels.testing.TinyModel;
import io.tandem.kernels.testing.Tolerances;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** A PEFT directory written by hand gives the logits that its numbers give when they are put together by hand. */
class PeftParityTest {
    private static final int RANK = 4;
    private static final double ALPHA = 6;

    @RegisterExtension
    private final Seeded seeded = new Seeded();

    private final Random random = seeded.random();

    @TempDir
    private Path directory;

    @Test
    void everyTargetModuleWithPatternsAndRankStabilizedScaling() throws IOException {
        TinyModel tiny = TinyModel.of(TinyModel.Variant.LLAMA3, random.nextLong());
        PeftDirectory peft = new PeftDirectory(directory, tiny.config());
        Map<Site, LowRank> modules = new TreeMap<>();
        for (int layer = 0; layer < tiny.config().layers(); layer++) {
            for (TargetModule module : LoraConfig.allLinears()) {
                Site site = new Site(layer, module);
                int rank =
                        module == TargetModule.Q_PROJ ? 7 : site.equals(new Site(1, TargetModule.DOWN_PROJ)) ? 2 : RANK;
                double alpha = module == TargetModule.UP_PROJ ? 3 : ALPHA;
                int inputs = module.inputs(tiny.config());
                int outputs = module.outputs(tiny.config());
                float[] a = gaussian(rank * inputs, 1 / Math.sqrt(inputs));
                float[] b = gaussian(outputs * rank, 0.3);
                peft.tensor("base_model.model." + site + ".lora_A.weight", new long[] {rank, inputs}, a);
                peft.tensor("base_model.model." + site + ".lora_B.weight", new long[] {outputs, rank}, b);
                modules.put(site, new LowRank(rank, inputs, outputs, a, b, alpha / Math.sqrt(rank)));
            }
        }
        peft.write("""
                "peft_type": "LORA", "task_type": "CAUSAL_LM", "r": 4, "lora_alpha": 6, "use_rslora": true,
                "rank_pattern": {"q_proj": 7, "layers.1.mlp.down_proj": 2}, "alpha_pattern": {"up_proj": 3},
                "target_modules": ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
                "base_model_name_or_path": "tiny", "bias": "none", "lora_dropout": 0.0""");
        Adapter expected = new Adapter(new LoraConfig(RANK, ALPHA, true, LoraConfig.allLinears(), "tiny"), modules);
        int[] tokens = Devices.tokens(random, 19, tiny.config().vocab());
        double[][] logits = new ReferenceDecoder(tiny.config(), tiny.weights()).logits(tokens, expected);
        try (TorchScriptDecoder device = Devices.load(tiny, Dtype.FLOAT32)) {
            device.putAdapter(2, PeftFormat.read(directory, tiny.config(), 8));
            Draw draw = Devices.run(device, Devices.segment(0, 0, tokens, new int[] {2}, Devices.scored(device)))
                    .draws()
                    .get(0);
            float[] scores = Devices.narrow(Devices.logSoftmax(logits[tokens.length - 1]));
            Tolerances.FLOAT32_LOGITS.check("logits", scores, Devices.byToken(draw));
        }
    }

    private float[] gaussian(int length, double scale) {
        float[] values = new float[length];
        for (int i = 0; i < length; i++) {
            values[i] = (float) (scale * random.nextGaussian());
        }
        return values;
    }
}
