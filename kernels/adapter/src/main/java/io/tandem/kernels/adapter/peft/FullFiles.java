package io.tandem.kernels.adapter.peft;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.FullModule;
import io.tandem.kernels.adapter.Parameter;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.weights.JsonFields;
import io.tandem.kernels.weights.SafetensorsFile;
import io.tandem.kernels.weights.SafetensorsWriter.Tensor;
import io.tandem.kernels.weights.StoredType;
import io.tandem.kernels.weights.TensorEntry;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Modules in full, in PEFT's layout: the weight under the module's own name, and {@code modules_to_save} naming it. */
final class FullFiles {
    static final String SAVED = "modules_to_save";

    /** Of PEFT 0.18 and later: whether the head of a model with tied embeddings follows the embedding. */
    private static final String TIED = "ensure_weight_tying";

    private static final String PREFIX = "base_model.model.";

    private final Set<FullModule> modules;
    private final ModelConfig model;
    private final SafetensorsFile file;
    private final List<String> problems;

    /** @param problems gets what does not fit */
    FullFiles(JsonFields json, ModelConfig model, SafetensorsFile file, List<String> problems) {
        this.modules = modules(json);
        this.model = model;
        this.file = file;
        this.problems = problems;
        if (modules.contains(FullModule.EMBED_TOKENS) && model.tiedEmbeddings() && json.bool(TIED, false)) {
            modules.add(FullModule.LM_HEAD);
        }
    }

    private static Set<FullModule> modules(JsonFields json) {
        Set<FullModule> modules = EnumSet.noneOf(FullModule.class);
        @Nullable JsonNode saved = json.value(SAVED).orElse(null);
        if (saved == null) {
            return modules;
        }
        boolean sound = saved.isArray();
        for (JsonNode name : saved) {
            FullModule.named(name.asText()).ifPresent(modules::add);
            sound = sound && name.isTextual() && FullModule.named(name.asText()).isPresent();
        }
        if (!sound) {
            throw json.refuse(
                    SAVED, "null, or a list of " + FullModule.labels() + ": no other modules can be had in full");
        }
        if (!modules.isEmpty() && json.value(PeftConfig.INVOCATION).isPresent()) {
            throw json.refuse(SAVED, "null: the adapter acts from its invocation on, and these modules on whole texts");
        }
        return modules;
    }

    private static String tensor(FullModule module) {
        return PREFIX + module.weight();
    }

    /** Whether it is the weight of such a module of the adapter. */
    boolean has(String tensor) {
        return modules.stream().anyMatch(module -> tensor(module).equals(tensor));
    }

    /** What to say of a tensor that nothing else is known about; empty if it is not one of such a module. */
    static String hint(String tensor) {
        return Arrays.stream(FullModule.values())
                .filter(module -> tensor(module).equals(tensor))
                .map(module -> ", and " + SAVED + " does not name " + module.label()
                        + ": PEFT adds it to adapters that need none with save_embedding_layers=True")
                .findFirst()
                .orElse("");
    }

    void check() {
        for (FullModule module : modules) {
            String name = tensor(stored(module));
            long[] expected = {model.vocab(), model.hidden()};
            if (!file.names().contains(name)) {
                problems.add(module.weight() + " is missing, expected " + Arrays.toString(expected) + " as " + SAVED
                        + " names it");
                continue;
            }
            TensorEntry entry = file.entry(name);
            if (!Arrays.equals(entry.shape(), expected)) {
                problems.add(module.weight() + " is " + Arrays.toString(entry.shape()) + ", expected "
                        + Arrays.toString(expected)
                        + (entry.shape().length == 2 && entry.shape()[0] > model.vocab()
                                ? "; tokens that were added to the vocabulary are not supported"
                                : ""));
            } else if (!entry.dtype().isFloating()) {
                problems.add(module.weight() + " is " + entry.dtype() + ", expected F64, F32, F16 or BF16");
            }
        }
    }

    /** A head that follows the embedding need not be there itself. */
    private FullModule stored(FullModule module) {
        boolean itself = file.names().contains(tensor(module)) || !modules.contains(FullModule.EMBED_TOKENS);
        return itself ? module : module.source(model);
    }

    SortedMap<FullModule, Parameter> read() {
        SortedMap<FullModule, Parameter> full = new TreeMap<>();
        for (FullModule module : modules) {
            float[] values = file.floats(tensor(stored(module)));
            FiniteTensor.problem(module.weight(), values).ifPresent(problems::add);
            full.put(module, module.parameter(model, values));
        }
        return full;
    }

    /** @throws IllegalArgumentException if the adapter has some, and its files have no place for them */
    static void requireSavable(Adapter adapter) {
        if (!adapter.full().isEmpty() && !adapter.config().savesFullModules()) {
            throw new IllegalArgumentException("an adapter cannot be saved that has modules in full beside virtual"
                    + " tokens, an invocation, bottlenecks, or quantized or sparse weights");
        }
    }

    /** What the adapter's file has of them. */
    static Map<String, Tensor> tensors(Adapter adapter) {
        Map<String, Tensor> tensors = new TreeMap<>();
        adapter.full()
                .forEach((module, p) -> tensors.put(
                        tensor(module), new Tensor(StoredType.F32, new long[] {p.rows(), p.columns()}, p.values())));
        return tensors;
    }

    /** The value of {@code modules_to_save}. */
    static @Nullable List<String> names(Adapter adapter) {
        return adapter.full().isEmpty()
                ? null
                : adapter.full().keySet().stream().map(FullModule::label).toList();
    }
}
