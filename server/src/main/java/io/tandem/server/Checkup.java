package io.tandem.server;

import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.MemoryPlan;
import io.tandem.kernels.MemoryPlan.Owner;
import io.tandem.kernels.device.ContextLength;
import io.tandem.kernels.device.DeviceProfile;
import io.tandem.kernels.family.ModelConfigReader;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.source.ModelSource;
import io.tandem.kernels.weights.Checkpoint;
import io.tandem.kernels.weights.ModelFiles;
import io.tandem.kernels.weights.ModelFormatException;
import io.tandem.kernels.weights.WeightNames;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.ChatMessage;
import io.tandem.server.config.ServerConfig;
import io.tandem.server.http.AnswerSyntax;
import io.tandem.server.text.ServedModel;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Supplier;
import java.util.stream.Collectors;

/** What a start would find in a model and on this machine, without loading the weights. */
final class Checkup {
    /** How much a finding matters. */
    enum Weight {
        FACT,
        /** Some requests will be refused. */
        WARNING,
        /** The server will not start. */
        FAULT
    }

    /**
     * Something that was found.
     *
     * @param about one word or two
     */
    record Finding(String about, Weight weight, String text) {}

    private static final double GIGA = 1e9;
    private static final ChatMessage QUESTION = new ChatMessage("user", "Hello");

    private final ServerConfig config;
    private final String absent;
    private final List<Finding> findings = new ArrayList<>();

    private Checkup(ServerConfig config, String absent) {
        this.config = config;
        this.absent = absent;
    }

    /**
     * In the order of a start; what depends on something that failed is left out.
     *
     * @param absent why there are no weights to look at; empty if there are
     */
    static List<Finding> of(ServerConfig config, String absent) {
        Checkup checkup = new Checkup(config, absent);
        checkup.fact(
                "documents",
                "%s",
                config.storage().database().map(Object::toString).orElse("SQLite in " + config.data()));
        checkup.fact(
                "blobs", "%s", config.storage().bucket().map(Object::toString).orElse("in " + config.data()));
        checkup.attempt("model", () -> ModelSource.open(config.model()))
                .ifPresent(files -> checkup.attempt("model", () -> ModelConfigReader.read(files.config()))
                        .ifPresent(model -> checkup.model(files, model)));
        return checkup.findings;
    }

    private void model(ModelFiles files, ModelConfig model) {
        fact(
                "model",
                "%s, %.1f million parameters, %d layers, a vocabulary of %d",
                model.architecture(),
                StartupLog.parameters(model) / 1e6,
                model.layers(),
                model.vocab());
        if (absent.isEmpty()) {
            attempt("weights", () -> weights(files, model)).ifPresent(text -> fact("weights", "%s", text));
        } else {
            fact("weights", "%s", absent);
        }
        DeviceProfile machine = DeviceProfile.ofThisMachine();
        KernelsConfig asked = config.scheduler().deviceLimits(config.kernels());
        int context = attempt("computes in", () -> machine.choose(asked, model))
                .flatMap(choice -> {
                    fact("computes in", "%s", choice);
                    KernelsConfig limits = asked.withNumerics(choice.dtype(), choice.weights());
                    return attempt("memory", () -> memory(model, machine, limits));
                })
                .orElse(model.maxPositions());
        attempt("text", () -> Application.text(config, files, model, context)).ifPresent(this::text);
    }

    /** What the files hold, by type. */
    private String weights(ModelFiles files, ModelConfig model) {
        Checkpoint checkpoint = files.weights();
        WeightNames.validate(checkpoint, model);
        TreeMap<String, Integer> types = new TreeMap<>();
        WeightNames.expected(model)
                .keySet()
                .forEach(name -> types.merge(checkpoint.entry(name).dtype().name(), 1, Integer::sum));
        return types.entrySet().stream()
                .map(type -> type.getValue() + " tensors in " + type.getKey())
                .collect(Collectors.joining(", "));
    }

    /** Says what serving takes. @return the longest context */
    private int memory(ModelConfig model, DeviceProfile machine, KernelsConfig limits) {
        int context = ContextLength.choose(model, limits, machine.memoryBytes());
        KernelsConfig resolved = limits.withContextTokens(context);
        MemoryPlan plan = limits.teacher()
                .map(teacher -> MemoryPlan.teacher(
                        ModelConfigReader.read(ModelSource.open(teacher).config()), resolved))
                .map(MemoryPlan.serving(model, resolved)::plus)
                .orElseGet(() -> MemoryPlan.serving(model, resolved));
        fact("context", "%d tokens; the model's maximum is %d", context, model.maxPositions());
        String parts = String.format(
                Locale.ROOT,
                "%.2f GB: weights %.2f, KV cache %.2f, adapter slots %.2f; this machine has %.1f GB",
                plan.total() / GIGA,
                plan.total(Owner.WEIGHTS) / GIGA,
                plan.total(Owner.KV_CACHE) / GIGA,
                plan.total(Owner.ADAPTERS) / GIGA,
                machine.memoryBytes() / GIGA);
        if (plan.total() > machine.memoryBytes()) {
            add(
                    "memory",
                    Weight.FAULT,
                    parts + ". Try --weight-form int8 or int4, --context-tokens, fewer kernels.kv-slots or"
                            + " kernels.adapter-slots, or a lower kernels.max-rank");
        } else {
            fact("memory", "%s", parts);
        }
        return context;
    }

    private void text(ServedModel model) {
        String ends = model.stopTokens().stream()
                .map(id -> id + " '" + model.tokenizer().token(id) + "'")
                .collect(Collectors.joining(", "));
        if (ends.isEmpty()) {
            add(
                    "end tokens",
                    Weight.WARNING,
                    "none: answers end at their limit only. Set eos_token_id in generation_config.json");
        } else {
            fact("end tokens", "%s", ends);
        }
        fact(
                "sampling",
                "temperature %s, top_p %s, top_k %d, where a request does not say",
                model.sampling().temperature(),
                model.sampling().topP(),
                model.sampling().topK());
        if (renders(model, "chats", List.of(QUESTION))) {
            renders(model, "system messages", List.of(new ChatMessage("system", "Be brief."), QUESTION));
            tools(AnswerSyntax.of(config.parsers(), model.template()));
        }
    }

    private boolean renders(ServedModel model, String what, List<ChatMessage> chat) {
        try {
            int tokens = model.tokenizer().encode(model.template().render(chat, true), true).length;
            fact(what, "the chat template renders them; a short one has %d tokens", tokens);
            return true;
        } catch (ApiException e) {
            add(what, Weight.WARNING, "requests are refused: " + e.getMessage());
            return false;
        }
    }

    private void tools(AnswerSyntax syntax) {
        if (!syntax.templateKnowsTools()) {
            add("tools", Weight.WARNING, "requests are refused: the chat template does not show tools to the model");
        } else if (syntax.tools().isEmpty()) {
            add(
                    "tools",
                    Weight.WARNING,
                    "requests are refused: it is not known how this model writes calls. Set tool-parser to hermes,"
                            + " llama3, mistral or mistral_args");
        } else {
            fact(
                    "tools",
                    "calls are read as %s writes them",
                    syntax.tools().get().name().toLowerCase(Locale.ROOT));
        }
        if (syntax.reasoning()) {
            fact("reasoning", "thoughts come back as reasoning_content");
        }
    }

    /** What can be wrong with a model or a setting is a fault, and empty. */
    private <T> Optional<T> attempt(String about, Supplier<T> step) {
        try {
            return Optional.of(step.get());
        } catch (ModelFormatException | UnsupportedOperationException | IllegalArgumentException e) {
            add(about, Weight.FAULT, String.valueOf(e.getMessage()));
            return Optional.empty();
        }
    }

    private void fact(String about, String format, Object... values) {
        add(about, Weight.FACT, String.format(Locale.ROOT, format, values));
    }

    private void add(String about, Weight weight, String text) {
        findings.add(new Finding(about, weight, text));
    }
}
