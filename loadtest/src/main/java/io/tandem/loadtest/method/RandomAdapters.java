package io.tandem.loadtest.method;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.Bottleneck;
import io.tandem.kernels.adapter.Bottleneck.Function;
import io.tandem.kernels.adapter.Bottleneck.Input;
import io.tandem.kernels.adapter.BottleneckConfig;
import io.tandem.kernels.adapter.Change;
import io.tandem.kernels.adapter.Dora;
import io.tandem.kernels.adapter.Ia3Config;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.Parameter;
import io.tandem.kernels.adapter.PrefixConfig;
import io.tandem.kernels.adapter.PromptConfig;
import io.tandem.kernels.adapter.method.BiasedMethod;
import io.tandem.kernels.adapter.method.BottleneckMethod;
import io.tandem.kernels.adapter.method.DoraMethod;
import io.tandem.kernels.adapter.method.Ia3Method;
import io.tandem.kernels.adapter.method.LoraMethod;
import io.tandem.kernels.adapter.method.PeftMethod;
import io.tandem.kernels.adapter.method.PrefixMethod;
import io.tandem.kernels.adapter.method.PromptMethod;
import io.tandem.kernels.adapter.peft.PeftFormat;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import io.tandem.loadtest.ApiClient;
import io.tandem.loadtest.Leftovers;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Adapters as jobs with the usual settings make them, but of random numbers: where a job begins, and a little beside. They say
 * nothing sensible, but cost what trained ones cost.
 *
 * @param model that they fit
 */
record RandomAdapters(ModelConfig model) {
    private static final double SCALE = 0.01;
    private static final int TOKENS = 20;
    private static final int WIDTH = 16;

    /** By the names of methods.json. */
    private static final Map<String, PeftMethod> METHODS = methods();

    private static Map<String, PeftMethod> methods() {
        LoraMethod lora = new LoraMethod(new LoraConfig(8, 16, false, LoraConfig.everyLinear(), ""));
        Map<String, PeftMethod> methods = new LinkedHashMap<>();
        methods.put("lora", lora);
        methods.put("dora", new DoraMethod(lora.config()));
        methods.put("lora lora_bias", new BiasedMethod(lora));
        methods.put("ia3", new Ia3Method(new Ia3Config(Ia3Config.usualLinears(), "")));
        methods.put("prompt_tuning", new PromptMethod(new PromptConfig(TOKENS, "")));
        methods.put("prefix_tuning", new PrefixMethod(new PrefixConfig(TOKENS, "")));
        methods.put("bottleneck", bottleneck(Input.OUTPUT, Function.SILU, 1, BottleneckConfig.blocks()));
        methods.put("bottleneck parallel", bottleneck(Input.STREAM, Function.RELU, 4, Set.of(TargetModule.MLP)));
        return methods;
    }

    private static PeftMethod bottleneck(Input input, Function function, double scaling, Set<TargetModule> blocks) {
        return new BottleneckMethod(
                new BottleneckConfig(WIDTH, new Bottleneck.Kind(input, function, scaling), blocks, ""));
    }

    /** Of which methods there are some. */
    static Set<String> names() {
        return METHODS.keySet();
    }

    /**
     * Sends some to a server, each with numbers of its own; returns their names.
     *
     * @throws IllegalArgumentException if there are none of the method
     */
    List<String> publish(ApiClient client, String method, int count) throws IOException, InterruptedException {
        List<String> names = new ArrayList<>();
        for (int seed = 0; seed < count; seed++) {
            String name = ("random-" + method + "-" + seed).replace(' ', '-');
            Path directory = Leftovers.directory("tandem-adapter");
            try {
                PeftFormat.write(directory, of(method, seed), model);
                client.upload(
                        "/v1/adapters",
                        Map.of("name", name),
                        List.of(
                                directory.resolve("adapter_config.json"),
                                directory.resolve("adapter_model.safetensors")));
            } finally {
                Leftovers.delete(directory);
            }
            names.add(name);
        }
        return names;
    }

    /** One of them. */
    Adapter of(String name, long seed) {
        PeftMethod method = Optional.ofNullable(METHODS.get(name))
                .orElseThrow(() -> new IllegalArgumentException(
                        "there are no random adapters of " + name + ", only of " + String.join(", ", names())));
        Random random = new Random(seed);
        Adapter start = method.start(model, seed);
        SortedMap<Site, Change> modules = new TreeMap<>();
        start.modules().forEach((site, change) -> modules.put(site, moved(change, random)));
        return start.with(modules, start.prefix().map(tokens -> tokens.with(moved(tokens.parameter(), random))));
    }

    private static Change moved(Change change, Random random) {
        return change.with(change.parameters().stream()
                .map(parameter -> moved(parameter, random))
                .toList());
    }

    private static float[] moved(Parameter parameter, Random random) {
        // Magnitudes that only a device knows at the start: a random model's rows have about this norm.
        float start = parameter.name().equals(Dora.MAGNITUDE) ? 1 : 0;
        float[] values = parameter.values().clone();
        for (int i = 0; i < values.length; i++) {
            values[i] += start + (float) (SCALE * random.nextGaussian());
        }
        return values;
    }
}
