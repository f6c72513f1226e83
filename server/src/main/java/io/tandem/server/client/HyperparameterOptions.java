package io.tandem.server.client;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.JsonBody;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The hyperparameters of a job as flags. */
final class HyperparameterOptions {
    /** Flags by the fields of a job's request that they fill. */
    static final Map<String, String> FLAGS = Map.ofEntries(
            Map.entry("suffix", "--name"),
            Map.entry("validation_file", "--validation"),
            Map.entry("seed", "--seed"),
            Map.entry("rank", "--rank"),
            Map.entry("alpha", "--alpha"),
            Map.entry("peft", "--method"),
            Map.entry("lora_bias", "--lora-bias"),
            Map.entry("modules_to_save", "--modules-to-save"),
            Map.entry("target_modules", "--target-modules"),
            Map.entry("growth_warmup", "--growth-warmup"),
            Map.entry("growth_interval", "--growth-interval"),
            Map.entry("growth_modules", "--growth-modules"),
            Map.entry("growth_threshold", "--growth-threshold"),
            Map.entry("orthogonality", "--orthogonality"),
            Map.entry("invocation_tokens", "--invocation"),
            Map.entry("layers", "--layers"),
            Map.entry("virtual_tokens", "--virtual-tokens"),
            Map.entry("bits", "--bits"),
            Map.entry("group_size", "--group-size"),
            Map.entry("bottleneck_size", "--bottleneck-size"),
            Map.entry("bottleneck_mode", "--bottleneck-mode"),
            Map.entry("bottleneck_at", "--bottleneck-at"),
            Map.entry("bottleneck_activation", "--bottleneck-activation"),
            Map.entry("bottleneck_scaling", "--bottleneck-scaling"),
            Map.entry("learns", "--learns"),
            Map.entry("share", "--learning-share"),
            Map.entry("probe_every", "--probe-every"),
            Map.entry("sparsity", "--sparsity"),
            Map.entry("sparsity_warmup", "--sparsity-warmup"),
            Map.entry("sparsity_hold", "--sparsity-hold"),
            Map.entry("module_sparsity", "--module-sparsity"),
            Map.entry("estimation", "--estimation"),
            Map.entry("budget", "--budget"),
            Map.entry("skip", "--skip"),
            Map.entry("search", "--skip-search"),
            Map.entry("exit_weight", "--exit-weight"),
            Map.entry("under", "--under"),
            Map.entry("n_epochs", "--epochs"),
            Map.entry("batch_size", "--batch-size"),
            Map.entry("learning_rate", "--learning-rate"),
            Map.entry("schedule", "--schedule"),
            Map.entry("optimizer", "--optimizer"),
            Map.entry("weight_decay", "--weight-decay"),
            Map.entry("lora_plus_ratio", "--lora-plus-ratio"),
            Map.entry("eval_every", "--eval-every"),
            Map.entry("early_stopping_patience", "--early-stopping"),
            Map.entry("keep_best", "--keep-best"),
            Map.entry("n_checkpoints", "--checkpoints"),
            Map.entry("weight", "--weight"),
            Map.entry("beta", "--beta"),
            Map.entry("controls", "--control"),
            Map.entry("truncate", "--truncate"),
            Map.entry("mask_history", "--mask-history"));

    /** How an adapter is built. */
    enum Method {
        lora,
        rslora,
        loraplus,
        pissa,
        olora,
        dylora,
        dora,
        flora,
        increlora,
        triadaptlora,
        svfit,
        alora,
        l4q,
        pst,
        ia3,
        prompt_tuning,
        prefix_tuning,
        bottleneck
    }

    @Option(names = "--method", description = "${COMPLETION-CANDIDATES}; default ${DEFAULT-VALUE}.")
    private Method method = Method.lora;

    @Option(
            names = "--rank",
            paramLabel = "N",
            description = "LoRA rank, or with ranks that grow their average; default 8, of svfit 64, of l4q 4.")
    private @Nullable Integer rank;

    @Option(names = "--alpha", paramLabel = "X", description = "LoRA alpha; default twice the rank.")
    private @Nullable Double alpha;

    @Option(names = "--lora-bias", description = "Of lora, rslora and loraplus: train a bias on B of each module too.")
    private boolean loraBias;

    @Option(
            names = "--modules-to-save",
            paramLabel = "M",
            split = ",",
            description = "Train copies of lm_head, embed_tokens or both in full beside the method; large.")
    private @Nullable List<String> modulesToSave;

    @Option(
            names = "--target-modules",
            paramLabel = "M",
            split = ",",
            description = "Modules to adapt, for example q_proj,v_proj; default those usual for the method.")
    private @Nullable List<String> targetModules;

    @Option(
            names = "--layers",
            paramLabel = "L",
            converter = Layers.Converter.class,
            description = "Layers to adapt, for example 0-3+7; default all.")
    private @Nullable Layers layers;

    @Option(
            names = "--virtual-tokens",
            paramLabel = "N",
            description = "Of prompt_tuning and prefix_tuning: learned tokens before every text; default 20.")
    private @Nullable Integer virtualTokens;

    /** Which of the adapter's parameters learn in a step. */
    enum Learns {
        everything,
        ist,
        pdp,
        light_peft,
        spt,
        das,
        teacher
    }

    @Option(
            names = "--learns",
            description = "${COMPLETION-CANDIDATES}: what learns in a step; default ${DEFAULT-VALUE}.")
    private Learns learns = Learns.everything;

    @Option(
            names = "--learning-share",
            paramLabel = "X",
            description = "Of ist: share of the layers that learn in a step; default 0.25.")
    private @Nullable Double learningShare;

    @Option(
            names = "--probe-every",
            paramLabel = "N",
            description = "Of ist and das: steps between two measurements of the layers' importance; default 10.")
    private @Nullable Integer probeEvery;

    @Option(
            names = "--sparsity",
            paramLabel = "X",
            description =
                    "Of pdp and light_peft: share of the ranks that is pruned; default 0.5. Of the method pst: share of"
                            + " each weight that is zero in the end; default 0.9.")
    private @Nullable Double sparsity;

    @Option(
            names = "--sparsity-warmup",
            paramLabel = "X",
            description = "Of pst: part of the job before the first zeros; default 0.1.")
    private @Nullable Double sparsityWarmup;

    @Option(
            names = "--sparsity-hold",
            paramLabel = "X",
            description = "Of pst: part of the job after the last zeros; default 0.3.")
    private @Nullable Double sparsityHold;

    @Option(
            names = "--module-sparsity",
            paramLabel = "X",
            description = "Of light_peft: share of the modules that is pruned; default 0.75.")
    private @Nullable Double moduleSparsity;

    @Option(
            names = "--estimation",
            paramLabel = "X",
            description = "Of light_peft: part of the job after which it prunes; default 0.1.")
    private @Nullable Double estimation;

    @Option(
            names = "--budget",
            paramLabel = "X",
            description = "Of spt: share of the parameters that all modules would have; default 0.25.")
    private @Nullable Double budget;

    @Option(
            names = "--skip",
            paramLabel = "X",
            description = "Of das: share of the model's layers that the adapter's texts skip; default 0.25.")
    private @Nullable Double skip;

    @Option(
            names = "--skip-search",
            paramLabel = "X",
            description = "Of das: part of the job that finds out which layers; default 0.3.")
    private @Nullable Double skipSearch;

    @Option(
            names = "--exit-weight",
            paramLabel = "X",
            description = "Of teacher: how much what tokens leave a recursive model early with learns too; default 0.")
    private @Nullable Double exitWeight;

    @Option(
            names = "--growth-warmup",
            paramLabel = "N",
            description = "Of increlora and triadaptlora: steps before ranks grow; default a tenth of the job's.")
    private @Nullable Integer growthWarmup;

    @Option(
            names = "--growth-interval",
            paramLabel = "N",
            description = "Of increlora and triadaptlora: steps between two growths; default by the job's length.")
    private @Nullable Integer growthInterval;

    @Option(
            names = "--growth-modules",
            paramLabel = "N",
            description = "Of increlora: modules that grow at a time; default a sixth of them.")
    private @Nullable Integer growthModules;

    @Option(
            names = "--growth-threshold",
            paramLabel = "T",
            description = "Of triadaptlora: linear or exponential; default linear.")
    private @Nullable String growthThreshold;

    @Option(
            names = "--orthogonality",
            paramLabel = "X",
            description =
                    "Of increlora and triadaptlora: weight of a penalty on factors that are not orthogonal; default"
                            + " 0.1 with increlora, otherwise 0.")
    private @Nullable Double orthogonality;

    @Option(
            names = "--invocation",
            paramLabel = "TEXT",
            description = "Of alora: the text of a prompt from which on the adapter acts, as whole tokens.")
    private @Nullable String invocation;

    @Option(names = "--bits", paramLabel = "N", description = "Of l4q: bits of a weight, 4 or 8; default 4.")
    private @Nullable Integer bits;

    @Option(
            names = "--group-size",
            paramLabel = "N",
            description = "Of l4q: inputs that share a step size; default 32.")
    private @Nullable Integer groupSize;

    @Option(
            names = "--bottleneck-size",
            paramLabel = "N",
            description = "Of bottleneck: width of the bottlenecks; default 16.")
    private @Nullable Integer bottleneckSize;

    @Option(
            names = "--bottleneck-mode",
            paramLabel = "M",
            description = "Of bottleneck: series, after a block, or parallel to it; default series.")
    private @Nullable String bottleneckMode;

    @Option(
            names = "--bottleneck-at",
            paramLabel = "B",
            description = "Of bottleneck: attention, mlp or both; default both in series, mlp in parallel.")
    private @Nullable String bottleneckAt;

    @Option(
            names = "--bottleneck-activation",
            paramLabel = "F",
            description = "Of bottleneck: relu, silu or gelu; default silu in series, relu in parallel.")
    private @Nullable String bottleneckActivation;

    @Option(
            names = "--bottleneck-scaling",
            paramLabel = "X",
            description = "Of bottleneck: factor on what they add; default 1 in series, 4 in parallel.")
    private @Nullable Double bottleneckScaling;

    @Option(
            names = "--under",
            paramLabel = "ADAPTER",
            description = "Train on top of this adapter, which stays as it is; may be repeated.")
    private @Nullable List<String> under;

    @Option(names = "--epochs", paramLabel = "N", description = "Passes over the file; default by its size.")
    private @Nullable Integer epochs;

    @Option(names = "--batch-size", paramLabel = "N", description = "Examples per step; default by the file's size.")
    private @Nullable Integer batchSize;

    @Option(names = "--learning-rate", paramLabel = "X", description = "Peak learning rate.")
    private @Nullable Double learningRate;

    @Option(names = "--schedule", paramLabel = "S", description = "constant, linear or cosine; default linear.")
    private @Nullable String schedule;

    @Option(names = "--optimizer", paramLabel = "O", description = "adamw, adamw_8bit, sgd or lion; default adamw.")
    private @Nullable String optimizer;

    @Option(names = "--weight-decay", paramLabel = "X", description = "Weight decay.")
    private @Nullable Double weightDecay;

    @Option(
            names = "--lora-plus-ratio",
            paramLabel = "X",
            description = "Learning rate of B over that of A; default 16 with loraplus, otherwise 1.")
    private @Nullable Double loraPlusRatio;

    @Option(names = "--eval-every", paramLabel = "N", description = "Steps between two validations.")
    private @Nullable Integer evalEvery;

    @Option(
            names = "--early-stopping",
            paramLabel = "N",
            description = "Stop after N validations without improvement; needs --eval-every.")
    private @Nullable Integer earlyStopping;

    @Option(names = "--keep-best", description = "Keep the adapter with the lowest validation loss, not the last one.")
    private boolean keepBest;

    @Option(names = "--checkpoints", paramLabel = "N", description = "Checkpoints over the whole job; 0 for none.")
    private @Nullable Integer checkpoints;

    @Option(
            names = "--weight",
            paramLabel = "X",
            description = "Share of the training time relative to other jobs; default 1.")
    private @Nullable Double weight;

    @Option(names = "--beta", paramLabel = "X", description = "With --dpo: how far the model may move; default 0.1.")
    private @Nullable Double beta;

    @Option(
            names = "--control",
            paramLabel = "LABEL=ADAPTER",
            description = "Train examples with this control label on top of this adapter; may be repeated.")
    private Map<String, String> controls = new LinkedHashMap<>();

    @Option(names = "--truncate", description = "Cut examples that are too long instead of rejecting the file.")
    private boolean truncate;

    @Option(names = "--mask-history", description = "Learn only the last answer of each chat, not every one.")
    private boolean maskHistory;

    /** Flags by fields, with the file that is trained on. */
    static Map<String, String> flags(Path training) {
        Map<String, String> flags = new LinkedHashMap<>(FLAGS);
        flags.put("training_file", training.toString());
        return flags;
    }

    /** Fills them in; the server says which tokens a text has. */
    void fill(ObjectNode hyperparameters, ServerClient client) throws IOException, InterruptedException {
        if (invocation != null) {
            ObjectNode text = JsonBody.MAPPER.createObjectNode().put("content", invocation);
            hyperparameters.set(
                    "invocation_tokens", client.post("/tokenize", text).path("tokens"));
        }
        fill(hyperparameters);
    }

    private void fill(ObjectNode hyperparameters) {
        put(hyperparameters, "rank", rank);
        put(hyperparameters, "alpha", alpha);
        put(hyperparameters, "peft", method == Method.lora ? null : method.name());
        put(hyperparameters, "lora_bias", loraBias ? true : null);
        put(hyperparameters, "modules_to_save", modulesToSave);
        put(hyperparameters, "target_modules", targetModules);
        put(hyperparameters, "layers", layers == null ? null : layers.numbers());
        put(hyperparameters, "virtual_tokens", virtualTokens);
        put(hyperparameters, "growth_warmup", growthWarmup);
        put(hyperparameters, "growth_interval", growthInterval);
        put(hyperparameters, "growth_modules", growthModules);
        put(hyperparameters, "growth_threshold", growthThreshold);
        put(hyperparameters, "orthogonality", orthogonality);
        put(hyperparameters, "bits", bits);
        put(hyperparameters, "group_size", groupSize);
        put(hyperparameters, "sparsity", method == Method.pst ? sparsity : null);
        put(hyperparameters, "sparsity_warmup", sparsityWarmup);
        put(hyperparameters, "sparsity_hold", sparsityHold);
        put(hyperparameters, "bottleneck_size", bottleneckSize);
        put(hyperparameters, "bottleneck_mode", bottleneckMode);
        put(hyperparameters, "bottleneck_at", bottleneckAt);
        put(hyperparameters, "bottleneck_activation", bottleneckActivation);
        put(hyperparameters, "bottleneck_scaling", bottleneckScaling);
        put(hyperparameters, "learns", learns());
        put(hyperparameters, "under", under);
        put(hyperparameters, "n_epochs", epochs);
        put(hyperparameters, "batch_size", batchSize);
        put(hyperparameters, "learning_rate", learningRate);
        put(hyperparameters, "schedule", schedule);
        put(hyperparameters, "optimizer", optimizer);
        put(hyperparameters, "weight_decay", weightDecay);
        put(hyperparameters, "lora_plus_ratio", loraPlusRatio);
        put(hyperparameters, "eval_every", evalEvery);
        put(hyperparameters, "early_stopping_patience", earlyStopping);
        put(hyperparameters, "keep_best", keepBest ? true : null);
        put(hyperparameters, "n_checkpoints", checkpoints);
        put(hyperparameters, "weight", weight);
        put(hyperparameters, "beta", beta);
        put(hyperparameters, "controls", controls.isEmpty() ? null : controls);
        put(hyperparameters, "truncate", truncate ? true : null);
        put(hyperparameters, "mask_history", maskHistory ? true : null);
    }

    /** Settings without a type are sent all the same, so that the server says what is missing. */
    private @Nullable ObjectNode learns() {
        ObjectNode policy = JsonBody.MAPPER.createObjectNode();
        put(policy, "type", learns == Learns.everything ? null : learns.name());
        put(policy, "share", learningShare);
        put(policy, "probe_every", probeEvery);
        put(policy, "sparsity", method == Method.pst ? null : sparsity);
        put(policy, "module_sparsity", moduleSparsity);
        put(policy, "estimation", estimation);
        put(policy, "budget", budget);
        put(policy, "skip", skip);
        put(policy, "search", skipSearch);
        put(policy, "exit_weight", exitWeight);
        return policy.isEmpty() ? null : policy;
    }

    static void put(ObjectNode node, String key, @Nullable Object value) {
        if (value != null) {
            node.set(key, JsonBody.MAPPER.valueToTree(value));
        }
    }
}
