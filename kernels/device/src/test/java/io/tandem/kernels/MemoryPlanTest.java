package io.tandem.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.tandem.kernels.MemoryPlan.Owner;
import io.tandem.kernels.MemoryPlan.Part;
import io.tandem.kernels.OptimizerConfig.Method;
import io.tandem.kernels.adapter.KeysAndValues;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.PromptConfig;
import io.tandem.kernels.adapter.method.LoraMethod;
import io.tandem.kernels.adapter.method.PromptMethod;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.model.Experts;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import java.util.List;
import org.junit.jupiter.api.Test;

class MemoryPlanTest {
    private static final int TOKENS = 512;
    private static final int RANK = 16;
    private static final long PARAMETERS = 4_884_480;
    private static final LoraConfig ADAPTER = new LoraConfig(RANK, 32, false, LoraConfig.allLinears(), "");

    /** SmolLM2-135M. */
    private static final ModelConfig MODEL = ModelConfig.llama(30, 576, 9, 3, 64, 1536, 49152)
            .maxPositions(8192)
            .theta(1e5)
            .tied(true)
            .build();

    private static KernelsConfig limits(Stash stash) {
        return new KernelsConfig(Dtype.BFLOAT16, WeightForm.PACKED, 1, 8, 1024, 256, 4, RANK, TOKENS, stash);
    }

    private static long arenaPerToken(Stash stash) {
        MemoryPlan plan = MemoryPlan.arena(MODEL, limits(stash));
        return (plan.total(Owner.TRAINING) - plan.bytes(Part.LOGITS) - plan.bytes(Part.WINDOW)) / TOKENS;
    }

    @Test
    void countsEveryTensorOfTheArena() {
        long perLayerInput = 2 * 576;
        long perLayerKeysAndValues = 2 * (192 + 192);
        long beside = 4 * (576 + 2 * 192 + 2 * 64);
        assertThat(arenaPerToken(Stash.RECOMPUTE)).isEqualTo(30 * (perLayerInput + perLayerKeysAndValues) + beside);
        assertThat(arenaPerToken(Stash.KEEP) - arenaPerToken(Stash.RECOMPUTE))
                .isEqualTo(30 * 2 * (576 + 576 + 576 + 3072));
        assertThat(arenaPerToken(Stash.INT8) - arenaPerToken(Stash.RECOMPUTE))
                .isEqualTo(30 * (576 + 576 + 3072 + 3 * 4));
    }

    /** The goal: recomputing needs at most an eighth, whether or not what lives only for a moment counts. */
    @Test
    void recomputingTakesAnEighthOfWhatAutogradSaves() {
        MemoryPlan plan = MemoryPlan.arena(MODEL, limits(Stash.RECOMPUTE));
        long momentary = plan.bytes(Part.LOGITS) + plan.bytes(Part.WINDOW);
        assertThat(savedByAutograd()).isGreaterThan(8 * arenaPerToken(Stash.RECOMPUTE));
        assertThat(savedByAutograd() + logitGradients())
                .isGreaterThan(8 * (arenaPerToken(Stash.RECOMPUTE) + momentary / TOKENS));
    }

    /** Bytes per token of a LoRA step in bfloat16 as HuggingFace's Llama does it, without checkpointing. */
    private static long savedByAutograd() {
        long norm = 4 * MODEL.hidden() + 4;
        long queries = (long) MODEL.heads() * MODEL.headDim();
        long adapterInputs = 2 * (2L * MODEL.hidden());
        long adapterRanks = 7 * 2 * RANK;
        long attention = 2 * 4 * queries + 4L * MODEL.heads();
        long gateSiluUpAndProduct = 2 * 4L * MODEL.ffn();
        long layer = 2 * norm + adapterInputs + adapterRanks + attention + gateSiluUpAndProduct;
        long logProbabilities = 4L * MODEL.vocab();
        return MODEL.layers() * layer + norm + logProbabilities;
    }

    /** Alive together with all of that when the backward pass begins: of the logits, in both types. */
    private static long logitGradients() {
        return (4L + 2) * MODEL.vocab();
    }

    @Test
    void theReportIsThePlan() {
        MemoryPlan plan = MemoryPlan.serving(MODEL, limits(Stash.KEEP))
                .plus(MemoryPlan.training(MODEL, limits(Stash.KEEP), new LoraMethod(ADAPTER), OptimizerConfig.DEFAULT));
        MemoryReport report = MemoryReport.of(plan, 0);
        assertThat(report.weightBytes() + report.kvCacheBytes() + report.adapterBytes() + report.trainingBytes())
                .isEqualTo(plan.total());
        assertThat(ADAPTER.factors(MODEL).sum()).isEqualTo(PARAMETERS);
    }

    @Test
    void countsTheStateOfEveryOptimizer() {
        assertThat(stateBytes(Method.ADAMW)).isEqualTo(8 * PARAMETERS);
        assertThat(stateBytes(Method.SGD)).isEqualTo(4 * PARAMETERS);
        assertThat(stateBytes(Method.LION)).isEqualTo(4 * PARAMETERS);
        // Every factor has 1024 numbers or more and fills its blocks of 256.
        assertThat(stateBytes(Method.ADAMW_8BIT)).isEqualTo(2 * PARAMETERS + 2 * 4 * PARAMETERS / 256);
    }

    @Test
    void countsTheStateOfVirtualTokensIn32Bits() {
        PromptMethod prompts = new PromptMethod(new PromptConfig(20, ""));
        MemoryPlan plan =
                MemoryPlan.training(MODEL, limits(Stash.KEEP), prompts, OptimizerConfig.of(Method.ADAMW_8BIT));
        assertThat(plan.bytes(Part.OPTIMIZER)).isEqualTo(8L * 20 * MODEL.hidden());
    }

    /** 4096 slots of groups of ranks, each with a row for every input and one behind them; bottlenecks have one rank more. */
    @Test
    void refusesSlotsWhoseRowsCannotBeCounted() {
        assertThat(MemoryPlan.serving(model(8064, 64, 64), slots(512)).total()).isPositive();
        assertRefused(model(8066, 64, 64), 4096L * 65 * 8067);
        assertThat(MemoryPlan.serving(model(64, 64, 8190), slots(512)).total()).isPositive();
        assertRefused(model(64, 64, 8192), 4096L * 64 * 8193);
        assertThat(MemoryPlan.serving(model(64, 64, 8192), slots(256)).total()).isPositive();
    }

    /** Queries, keys and values have blocks of columns, here as many as there are heads. */
    @Test
    void refusesBlocksOfColumnsThatCannotBeCounted() {
        assertThat(MemoryPlan.serving(model(64, 339, 64), slots(512)).total()).isPositive();
        assertRefused(model(64, 340, 64), 4096L * 3 * 512 * 342);
    }

    @Test
    void countsFactorsTwiceWhereSingleRowsReadThem() {
        Experts experts = new Experts(
                3,
                2,
                true,
                List.of(TargetModule.EXPERT_GATE_PROJ, TargetModule.EXPERT_UP_PROJ, TargetModule.EXPERT_DOWN_PROJ));
        ModelConfig routed =
                ModelConfig.llama(1, 64, 4, 2, 16, 96, 64).experts(experts).build();
        assertThat(numbersOfEightRanks(model(64, 4, 96))).isEqualTo(8 * factors(model(64, 4, 96), 2));
        assertThat(numbersOfEightRanks(routed)).isEqualTo(8 * factors(routed, 1));
    }

    /** What factors of one rank in all linears of a layer take, each A with its constant so many times. */
    private static long factors(ModelConfig model, int times) {
        return model.linears().stream()
                .mapToLong(linear ->
                        linear.modules().size() * (times * (1L + linear.inputs(model)) + linear.outputs(model)))
                .sum();
    }

    /** What a slot takes for 8 ranks more, without what belongs to no linear. */
    private static long numbersOfEightRanks(ModelConfig model) {
        long more = MemoryPlan.serving(model, slots(16)).bytes(Part.ADAPTER_SLOTS)
                - MemoryPlan.serving(model, slots(8)).bytes(Part.ADAPTER_SLOTS);
        long embeddings = 4L * 8 * model.hidden();
        long keys = 8 * KeysAndValues.width(model);
        long bottlenecks = 2L * 8 * (3L * model.hidden() + 2);
        return (more / 4096 - embeddings) / 2 - keys - bottlenecks;
    }

    private static void assertRefused(ModelConfig model, long rows) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> MemoryPlan.serving(model, slots(512)))
                .withMessage("4096 adapter slots, those of training included, with a kernels.max-rank of 512 would be"
                        + " tables of " + rows + " rows for this model, and 2147483647 are the most; lower"
                        + " kernels.adapter-slots or kernels.max-rank");
    }

    private static ModelConfig model(int hidden, int heads, int ffn) {
        return ModelConfig.llama(1, hidden, heads, 1, 2, ffn, 64).build();
    }

    private static KernelsConfig slots(int rank) {
        return new KernelsConfig(Dtype.BFLOAT16, WeightForm.PACKED, 1, 8, 1024, 256, 4096, rank, TOKENS, Stash.KEEP);
    }

    private static long stateBytes(Method method) {
        return MemoryPlan.training(MODEL, limits(Stash.KEEP), new LoraMethod(ADAPTER), OptimizerConfig.of(method))
                .bytes(Part.OPTIMIZER);
    }

    @Test
    void printsATable() {
        String table = MemoryPlan.training(
                        MODEL, limits(Stash.RECOMPUTE), new LoraMethod(ADAPTER), OptimizerConfig.DEFAULT)
                .toString();
        assertThat(table.lines())
                .anyMatch(line -> line.matches("arena: inputs of the layers +17\\.7 MB"))
                .anyMatch(line -> line.matches("its optimizer's state +39\\.1 MB"));
        assertThat(table.lines().reduce((first, second) -> second).orElseThrow())
                .startsWith("total");
    }
}
