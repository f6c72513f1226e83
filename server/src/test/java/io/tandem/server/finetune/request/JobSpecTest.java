package io.tandem.server.finetune.request;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.tandem.kernels.OptimizerConfig;
import io.tandem.kernels.OptimizerConfig.Method;
import io.tandem.kernels.adapter.ActivatedConfig;
import io.tandem.kernels.adapter.Bottleneck.Function;
import io.tandem.kernels.adapter.Bottleneck.Input;
import io.tandem.kernels.adapter.Bottleneck.Kind;
import io.tandem.kernels.adapter.BottleneckConfig;
import io.tandem.kernels.adapter.FullModule;
import io.tandem.kernels.adapter.Ia3Config;
import io.tandem.kernels.adapter.Invocation;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.PrefixConfig;
import io.tandem.kernels.adapter.PromptConfig;
import io.tandem.kernels.adapter.learning.DasPolicy;
import io.tandem.kernels.adapter.learning.IstPolicy;
import io.tandem.kernels.adapter.learning.LearningPolicy;
import io.tandem.kernels.adapter.learning.LightPeftPolicy;
import io.tandem.kernels.adapter.learning.PdpPolicy;
import io.tandem.kernels.adapter.learning.PstPolicy;
import io.tandem.kernels.adapter.learning.SptPolicy;
import io.tandem.kernels.adapter.learning.TeacherPolicy;
import io.tandem.kernels.adapter.method.AloraMethod;
import io.tandem.kernels.adapter.method.BiasedMethod;
import io.tandem.kernels.adapter.method.BottleneckMethod;
import io.tandem.kernels.adapter.method.FullMethod;
import io.tandem.kernels.adapter.method.Ia3Method;
import io.tandem.kernels.adapter.method.LoraMethod;
import io.tandem.kernels.adapter.method.PeftMethod;
import io.tandem.kernels.adapter.method.PrefixMethod;
import io.tandem.kernels.adapter.method.PromptMethod;
import io.tandem.kernels.model.TargetModule;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.JsonBody;
import io.vertx.core.buffer.Buffer;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class JobSpecTest {
    private static JobSpec spec(String hyperparameters) {
        return JobSpec.parse(JsonBody.parse(Buffer.buffer(
                "{\"model\":\"m\",\"training_file\":\"f\",\"hyperparameters\":{" + hyperparameters + "}}")));
    }

    @Test
    void theOptimizerIsAdamWUnlessAnotherIsNamed() {
        assertThat(spec("").optimizer()).isEqualTo(OptimizerConfig.DEFAULT);
        assertThat(spec("").settings(100, 0).optimizer()).isEqualTo(OptimizerConfig.DEFAULT);
        assertThat(spec("\"optimizer\":\"adamw\"").learningRate()).isEqualTo(2e-3);
    }

    @ParameterizedTest
    @CsvSource({"adamw, ADAMW", "adamw_8bit, ADAMW_8BIT", "sgd, SGD", "lion, LION"})
    void everyOptimizerHasAName(String name, Method method) {
        JobSpec spec = spec("\"optimizer\":\"" + name + "\"");
        assertThat(spec.optimizer()).isEqualTo(OptimizerConfig.of(method));
        assertThat(spec.settings(10, 0).optimizer()).isEqualTo(spec.optimizer());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "lora|false|``",
                "lora|false|`\"peft\":\"lora\"`",
                "rslora|true|`\"rslora\":true`",
                "rslora|true|`\"peft\":\"rslora\"`",
                "lora|false|`\"peft\":\"loraplus\"`",
                "pissa|false|`\"peft\":\"pissa\"`",
                "olora|true|`\"peft\":\"olora\",\"rslora\":true`",
                "dylora|false|`\"peft\":\"dylora\"`",
                "dora|false|`\"peft\":\"dora\"`",
                "dora|true|`\"peft\":\"dora\",\"rslora\":true`",
                "flora|true|`\"peft\":\"flora\",\"rslora\":true`",
                "increlora|false|`\"peft\":\"increlora\",\"growth_modules\":3`",
                "triadaptlora|false|`\"peft\":\"triadaptlora\",\"growth_threshold\":\"exponential\"`",
                "svfit|false|`\"peft\":\"svfit\"`",
            })
    void everyMethodHasAName(String name, boolean stabilized, String hyperparameters) {
        PeftMethod method = spec(hyperparameters).method();
        assertThat(method.name()).isEqualTo(name);
        assertThat(method.config())
                .isInstanceOfSatisfying(
                        LoraConfig.class,
                        config -> assertThat(config.rankStabilized()).isEqualTo(stabilized));
    }

    @Test
    void scalesOfChannelsHaveNoRank() {
        PeftMethod method =
                spec("\"peft\":\"ia3\",\"target_modules\":[\"v_proj\"]").method();
        assertThat(method).isEqualTo(new Ia3Method(new Ia3Config(Set.of(TargetModule.V_PROJ), "m")));
        assertThat(spec("\"peft\":\"ia3\"").method().config().targets()).isEqualTo(Ia3Config.usualLinears());
    }

    @Test
    void virtualTokensAreCounted() {
        assertThat(spec("\"peft\":\"prompt_tuning\",\"virtual_tokens\":7").method())
                .isEqualTo(new PromptMethod(new PromptConfig(7, "m")));
        assertThat(spec("\"peft\":\"prompt_tuning\"").method().virtualTokens()).isEqualTo(20);
        assertThat(spec("\"peft\":\"prefix_tuning\"").method()).isEqualTo(new PrefixMethod(new PrefixConfig(20, "m")));
    }

    @Test
    void anInvocationIsKept() {
        assertThat(spec("\"peft\":\"alora\",\"rank\":4,\"invocation_tokens\":[7,8]")
                        .method())
                .isEqualTo(new AloraMethod(new ActivatedConfig(
                        new LoraConfig(4, 8, false, LoraConfig.everyLinear(), "m"), new Invocation(List.of(7, 8)))));
    }

    @Test
    void lorasBMayHaveABias() {
        for (String peft : List.of("lora", "rslora", "loraplus")) {
            PeftMethod biased =
                    spec("\"peft\":\"" + peft + "\",\"lora_bias\":true").method();
            PeftMethod plain =
                    spec("\"peft\":\"" + peft + "\",\"lora_bias\":false").method();
            assertThat(biased).isEqualTo(new BiasedMethod((LoraMethod) plain));
        }
    }

    @Test
    void modulesLearnInFullBesideMostMethods() {
        for (String peft : List.of("lora", "dora", "pissa", "increlora", "svfit", "ia3")) {
            PeftMethod plain = spec("\"peft\":\"" + peft + "\"").method();
            assertThat(spec("\"peft\":\"" + peft + "\",\"modules_to_save\":[\"lm_head\"]")
                            .method())
                    .isEqualTo(new FullMethod(plain, Set.of(FullModule.LM_HEAD)));
        }
        assertThat(spec("\"modules_to_save\":[\"embed_tokens\",\"lm_head\"]")
                        .method()
                        .fullModules())
                .containsExactly(FullModule.EMBED_TOKENS, FullModule.LM_HEAD);
        for (String peft : List.of("l4q", "pst", "prompt_tuning", "prefix_tuning", "bottleneck")) {
            assertThat(catchThrowableOfType(
                            ApiException.class,
                            () -> spec("\"peft\":\"" + peft + "\",\"modules_to_save\":[\"lm_head\"]")))
                    .hasMessageContaining("modules_to_save")
                    .hasMessageContaining("is not a setting of the method '" + peft + "'");
        }
    }

    @Test
    void bottlenecksAreAsInThePapersUnlessTheyAreAskedForOtherwise() {
        assertThat(spec("\"peft\":\"bottleneck\"").method())
                .isEqualTo(bottleneck(16, new Kind(Input.OUTPUT, Function.SILU, 1), BottleneckConfig.blocks()));
        assertThat(spec("\"peft\":\"bottleneck\",\"bottleneck_mode\":\"parallel\"")
                        .method())
                .isEqualTo(bottleneck(16, new Kind(Input.STREAM, Function.RELU, 4), Set.of(TargetModule.MLP)));
        assertThat(spec("\"peft\":\"bottleneck\",\"bottleneck_size\":3,\"bottleneck_mode\":\"series\","
                                + "\"bottleneck_at\":\"attention\",\"bottleneck_activation\":\"gelu\","
                                + "\"bottleneck_scaling\":0.5")
                        .method())
                .isEqualTo(bottleneck(3, new Kind(Input.OUTPUT, Function.GELU, 0.5), Set.of(TargetModule.ATTENTION)));
    }

    private static BottleneckMethod bottleneck(int size, Kind kind, Set<TargetModule> places) {
        return new BottleneckMethod(new BottleneckConfig(size, kind, places, "m"));
    }

    @Test
    void anUnknownMethodIsToldTheKnownOnes() {
        assertThat(catchThrowableOfType(ApiException.class, () -> spec("\"peft\":\"adalora\"")))
                .hasMessageContaining(
                        "lora, rslora, loraplus, pissa, olora, dylora, dora, flora, increlora, triadaptlora, svfit, alora, l4q,"
                                + " pst, ia3, prompt_tuning, prefix_tuning, bottleneck");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "16|5e-4|`\"peft\":\"loraplus\"`",
                "4|5e-4|`\"peft\":\"loraplus\",\"lora_plus_ratio\":4`",
                "16|1e-3|`\"peft\":\"loraplus\",\"learning_rate\":1e-3`",
                "4|2e-3|`\"lora_plus_ratio\":4`",
                "1|2e-3|`\"peft\":\"dora\"`",
                "1|2e-2|`\"peft\":\"svfit\"`",
                "1|1e-2|`\"peft\":\"increlora\"`",
                "1|1e-3|`\"peft\":\"increlora\",\"optimizer\":\"lion\"`",
                "1|2e-3|`\"peft\":\"svfit\",\"learning_rate\":2e-3`",
            })
    void loraPlusIsARatioOfLearningRates(double ratio, double learningRate, String hyperparameters) {
        JobSpec spec = spec(hyperparameters);
        assertThat(spec.optimizer().loraPlusRatio()).isEqualTo(ratio);
        assertThat(spec.learningRate()).isEqualTo(learningRate);
    }

    @Test
    void ranksThatGrowAreKeptApart() {
        assertThat(spec("\"peft\":\"increlora\"").optimizer().orthogonality()).isEqualTo(0.1);
        assertThat(spec("\"peft\":\"triadaptlora\",\"orthogonality\":0.5")
                        .optimizer()
                        .orthogonality())
                .isEqualTo(0.5);
        assertThat(spec("\"peft\":\"lora\"").optimizer().orthogonality()).isZero();
    }

    @Test
    void constantsAreRead() {
        assertThat(spec("\"optimizer\":\"adamw_8bit\",\"beta1\":0.8,\"beta2\":0.95,\"weight_decay\":0.01,"
                                + "\"max_grad_norm\":0,\"lora_plus_ratio\":16")
                        .optimizer())
                .isEqualTo(new OptimizerConfig(Method.ADAMW_8BIT, 0.8, 0.95, 1e-8, 0.01, 0, 16));
        assertThat(spec("\"optimizer\":\"sgd\",\"momentum\":0.5").optimizer().beta1())
                .isEqualTo(0.5);
    }

    @Test
    void allParametersLearnUnlessAPolicySaysWhich() {
        assertThat(spec("").learning()).isSameAs(LearningPolicy.EVERYTHING);
        assertThat(spec("\"learns\":{\"type\":\"pdp\",\"sparsity\":0.75}").learning())
                .isEqualTo(new PdpPolicy(0.75));
        assertThat(spec("\"learns\":{\"type\":\"light_peft\",\"sparsity\":0.25}")
                        .learning())
                .isEqualTo(new LightPeftPolicy(0.75, 0.25, 0.1));
        assertThat(spec("\"learns\":{\"type\":\"spt\",\"budget\":0.5}").learning())
                .isEqualTo(new SptPolicy(0.5));
        assertThat(spec("\"peft\":\"pst\"").learning()).isEqualTo(new PstPolicy(0.9, 0.1, 0.3));
        assertThat(spec("\"peft\":\"pst\",\"sparsity\":0.5,\"sparsity_warmup\":0,\"sparsity_hold\":0.2")
                        .learning())
                .isEqualTo(new PstPolicy(0.5, 0, 0.2));
        assertThat(spec("\"learns\":{\"type\":\"ist\"}").learning()).isEqualTo(new IstPolicy(0.25, 10));
        assertThat(spec("\"learns\":{\"type\":\"das\"}").learning()).isEqualTo(new DasPolicy(0.25, 0.3, 10));
        assertThat(spec("\"learns\":{\"type\":\"teacher\"}").learning()).isEqualTo(new TeacherPolicy(0));
        assertThat(spec("\"peft\":\"l4q\",\"learns\":{\"type\":\"teacher\"}").learning())
                .isEqualTo(new TeacherPolicy(0));
        assertThat(spec("\"learns\":{\"type\":\"teacher\",\"exit_weight\":0.1}").learning())
                .isEqualTo(new TeacherPolicy(0.1));
        assertThat(spec("\"peft\":\"ia3\",\"learns\":{\"type\":\"ist\",\"share\":0.5,\"probe_every\":3}")
                        .settings(10, 0)
                        .learning())
                .isEqualTo(new IstPolicy(0.5, 3));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "optimizer|`\"optimizer\":\"adam\"`",
                "learns|`\"peft\":\"l4q\",\"learns\":{\"type\":\"das\"}`",
                "learns|`\"peft\":\"pst\",\"learns\":{\"type\":\"teacher\"}`",
                "sparsity|`\"peft\":\"pst\",\"sparsity\":0`",
                "sparsity_hold|`\"peft\":\"pst\",\"sparsity_hold\":0.9`",
                "sparsity_warmup|`\"sparsity_warmup\":0.1`",
                "optimizer|`\"optimizer\":7`",
                "optimizer|`\"optimizer\":\"ADAMW\"`",
                "beta1|`\"beta1\":1`",
                "beta1|`\"beta1\":-0.1`",
                "beta1|`\"optimizer\":\"sgd\",\"beta1\":0.9`",
                "beta2|`\"beta2\":\"high\"`",
                "beta2|`\"optimizer\":\"sgd\",\"beta2\":0.9`",
                "momentum|`\"momentum\":0.9`",
                "momentum|`\"optimizer\":\"lion\",\"momentum\":0.9`",
                "momentum|`\"optimizer\":\"sgd\",\"momentum\":1`",
                "weight_decay|`\"weight_decay\":-1`",
                "weight_decay|`\"weight_decay\":1.1`",
                "max_grad_norm|`\"max_grad_norm\":-1`",
                "max_grad_norm|`\"max_grad_norm\":1e999`",
                "lora_plus_ratio|`\"lora_plus_ratio\":0`",
                "lora_plus_ratio|`\"lora_plus_ratio\":true`",
                "lora_plus|`\"lora_plus\":4`",
                "peft|`\"peft\":\"adalora\"`",
                "peft|`\"peft\":7`",
                "peft|`\"peft\":\"LORA\"`",
                "rslora|`\"peft\":\"rslora\",\"rslora\":false`",
                "alpha|`\"peft\":\"ia3\",\"alpha\":2,\"rank\":4`",
                "rank|`\"peft\":\"ia3\",\"rank\":4`",
                "rslora|`\"peft\":\"ia3\",\"rslora\":true`",
                "lora_plus_ratio|`\"peft\":\"ia3\",\"lora_plus_ratio\":4`",
                "virtual_tokens|`\"virtual_tokens\":4`",
                "virtual_tokens|`\"peft\":\"ia3\",\"virtual_tokens\":4`",
                "virtual_tokens|`\"peft\":\"prompt_tuning\",\"virtual_tokens\":0`",
                "target_modules|`\"peft\":\"prompt_tuning\",\"target_modules\":[\"q_proj\"]`",
                "rank|`\"peft\":\"prompt_tuning\",\"rank\":4`",
                "virtual_tokens|`\"peft\":\"prefix_tuning\",\"virtual_tokens\":0`",
                "lora_plus_ratio|`\"peft\":\"prefix_tuning\",\"lora_plus_ratio\":4`",
                "invocation_tokens|`\"peft\":\"alora\"`",
                "invocation_tokens|`\"peft\":\"alora\",\"invocation_tokens\":[]`",
                "invocation_tokens|`\"peft\":\"alora\",\"invocation_tokens\":[1,-1]`",
                "invocation_tokens|`\"peft\":\"alora\",\"invocation_tokens\":\"a\"`",
                "invocation_tokens|`\"invocation_tokens\":[1]`",
                "virtual_tokens|`\"peft\":\"alora\",\"invocation_tokens\":[1],\"virtual_tokens\":4`",
                "rank|`\"peft\":\"bottleneck\",\"rank\":4`",
                "target_modules|`\"peft\":\"bottleneck\",\"target_modules\":[\"q_proj\"]`",
                "lora_bias|`\"lora_bias\":1`",
                "modules_to_save|`\"modules_to_save\":\"lm_head\"`",
                "modules_to_save|`\"modules_to_save\":[]`",
                "modules_to_save|`\"modules_to_save\":[\"lm_head\",\"score\"]`",
                "modules_to_save|`\"modules_to_save\":[3]`",
                "modules_to_save|`\"peft\":\"alora\",\"invocation_tokens\":[1],\"modules_to_save\":[\"lm_head\"]`",
                "modules_to_save|`\"peft\":\"prompt_tuning\",\"modules_to_save\":[\"lm_head\"]`",
                "modules_to_save|`\"peft\":\"bottleneck\",\"modules_to_save\":[\"lm_head\"]`",
                "learns|`\"learns\":{\"type\":\"ist\"},\"modules_to_save\":[\"lm_head\"]`",
                "learns|`\"learns\":{\"type\":\"spt\"},\"modules_to_save\":[\"lm_head\"]`",
                "lora_bias|`\"peft\":\"dora\",\"lora_bias\":true`",
                "lora_bias|`\"peft\":\"bottleneck\",\"lora_bias\":true`",
                "bottleneck_size|`\"bottleneck_size\":4`",
                "bottleneck_size|`\"peft\":\"bottleneck\",\"bottleneck_size\":513`",
                "bottleneck_mode|`\"peft\":\"prompt_tuning\",\"bottleneck_mode\":\"series\"`",
                "bottleneck_mode|`\"peft\":\"bottleneck\",\"bottleneck_mode\":\"both\"`",
                "bottleneck_at|`\"peft\":\"bottleneck\",\"bottleneck_at\":[\"mlp\"]`",
                "bottleneck_activation|`\"peft\":\"bottleneck\",\"bottleneck_activation\":\"tanh\"`",
                "bottleneck_scaling|`\"peft\":\"bottleneck\",\"bottleneck_scaling\":0`",
                "target_modules|`\"peft\":\"ia3\",\"target_modules\":[]`",
                "target_modules|`\"target_modules\":{\"first\":\"q_proj\"}`",
                "alpha|`\"peft\":\"svfit\",\"alpha\":2`",
                "lora_plus_ratio|`\"peft\":\"svfit\",\"lora_plus_ratio\":4`",
                "rank|`\"peft\":\"svfit\",\"rank\":0`",
                "growth_warmup|`\"growth_warmup\":4`",
                "orthogonality|`\"peft\":\"dora\",\"orthogonality\":0.1`",
                "orthogonality|`\"peft\":\"increlora\",\"orthogonality\":-1`",
                "growth_interval|`\"peft\":\"flora\",\"growth_interval\":4`",
                "growth_threshold|`\"peft\":\"increlora\",\"growth_threshold\":\"linear\"`",
                "growth_modules|`\"peft\":\"triadaptlora\",\"growth_modules\":3`",
                "growth_threshold|`\"peft\":\"triadaptlora\",\"growth_threshold\":\"cubic\"`",
                "growth_modules|`\"peft\":\"increlora\",\"growth_modules\":0`",
                "learns|`\"learns\":\"ist\"`",
                "learns|`\"learns\":{\"type\":\"ist\"},\"peft\":\"prompt_tuning\"`",
                "learns|`\"learns\":{\"type\":\"ist\"},\"peft\":\"increlora\"`",
                "learns|`\"learns\":{\"type\":\"pdp\"},\"peft\":\"triadaptlora\"`",
                "learns.type|`\"learns\":{}`",
                "learns.type|`\"learns\":{\"type\":\"half\"}`",
                "learns.share|`\"learns\":{\"type\":\"ist\",\"share\":0}`",
                "learns.probe_every|`\"learns\":{\"type\":\"ist\",\"probe_every\":0}`",
                "learns.sparsity|`\"learns\":{\"type\":\"pdp\",\"sparsity\":1}`",
                "learns.sparsity|`\"learns\":{\"type\":\"ist\",\"sparsity\":0.5}`",
                "learns.share|`\"learns\":{\"type\":\"pdp\",\"share\":0.5}`",
                "learns|`\"learns\":{\"type\":\"pdp\"},\"peft\":\"dora\"`",
                "learns|`\"learns\":{\"type\":\"pdp\"},\"lora_bias\":true`",
                "learns|`\"learns\":{\"type\":\"light_peft\"},\"peft\":\"bottleneck\"`",
                "keep_best|`\"learns\":{\"type\":\"pdp\"},\"keep_best\":true`",
                "learns.module_sparsity|`\"learns\":{\"type\":\"light_peft\",\"module_sparsity\":1}`",
                "learns.estimation|`\"learns\":{\"type\":\"light_peft\",\"estimation\":0}`",
                "learns.estimation|`\"learns\":{\"type\":\"pdp\",\"estimation\":0.5}`",
                "learns|`\"learns\":{\"type\":\"light_peft\"},\"peft\":\"pissa\"`",
                "learns.budget|`\"learns\":{\"type\":\"spt\",\"budget\":0}`",
                "learns|`\"learns\":{\"type\":\"spt\"},\"peft\":\"ia3\"`",
                "learns.skip|`\"learns\":{\"type\":\"das\",\"skip\":1}`",
                "learns.share|`\"learns\":{\"type\":\"teacher\",\"share\":0.5}`",
                "learns.exit_weight|`\"learns\":{\"type\":\"teacher\",\"exit_weight\":1.5}`",
                "learns.exit_weight|`\"learns\":{\"type\":\"ist\",\"exit_weight\":0.1}`",
                "learns|`\"learns\":{\"type\":\"teacher\",\"exit_weight\":0.1},\"modules_to_save\":[\"lm_head\"]`",
                "learns|`\"learns\":{\"type\":\"das\"},\"layers\":[0]`",
                "learns|`\"learns\":{\"type\":\"teacher\"},\"peft\":\"prompt_tuning\"`",
                "learns.search|`\"learns\":{\"type\":\"das\",\"search\":0}`",
                "learns.skip|`\"learns\":{\"type\":\"ist\",\"skip\":0.5}`",
                "learns|`\"learns\":{\"type\":\"das\"},\"peft\":\"svfit\"`",
                "learns|`\"learns\":{\"type\":\"das\"},\"peft\":\"increlora\"`",
                "learns|`\"learns\":{\"type\":\"das\"},\"peft\":\"pissa\",\"modules_to_save\":[\"lm_head\"]`",
                "learns.layers|`\"learns\":{\"type\":\"ist\",\"layers\":1}`",
            })
    void wrongConstantsNameTheField(String field, String hyperparameters) {
        ApiException error = catchThrowableOfType(ApiException.class, () -> spec(hyperparameters));
        assertThat(error.status()).isEqualTo(400);
        assertThat(error.param()).isEqualTo("hyperparameters." + field);
    }
}
