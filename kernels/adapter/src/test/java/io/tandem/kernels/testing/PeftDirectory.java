package io.tandem.kernels.testing;

import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.weights.SafetensorsWriter;
import io.tandem.kernels.weights.SafetensorsWriter.Tensor;
import io.tandem.kernels.weights.StoredType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;

/** An adapter's directory put together by hand, not by the writer under test. */
public final class PeftDirectory {
    private final Path directory;
    private final ModelConfig model;
    private final Map<String, Tensor> tensors = new TreeMap<>();
    private StoredType dtype = StoredType.F32;

    public PeftDirectory(Path directory, ModelConfig model) {
        this.directory = directory;
        this.model = model;
    }

    public PeftDirectory storedAs(StoredType type) {
        dtype = type;
        return this;
    }

    /** Both factors of a module in the right shape; A is filled with the layer + 1, B with 0.5. */
    public PeftDirectory factors(Site site, int rank) {
        float[] a = new float[rank * site.module().inputs(model)];
        float[] b = new float[rank * site.module().outputs(model)];
        Arrays.fill(a, site.layer() + 1);
        Arrays.fill(b, 0.5f);
        tensor(
                "base_model.model." + site + ".lora_A.weight",
                new long[] {rank, site.module().inputs(model)},
                a);
        return tensor(
                "base_model.model." + site + ".lora_B.weight",
                new long[] {site.module().outputs(model), rank},
                b);
    }

    public PeftDirectory tensor(String name, long[] shape, float... values) {
        float[] filled = values.length > 0
                ? values
                : new float[(int) Arrays.stream(shape).reduce(1, (x, y) -> x * y)];
        tensors.put(name, new Tensor(dtype, shape, filled));
        return this;
    }

    /** Of I32, whatever others are stored as. */
    public PeftDirectory integers(String name, long[] shape, int... values) {
        tensors.put(name, new Tensor(StoredType.I32, shape, () -> values));
        return this;
    }

    public PeftDirectory without(String name) {
        if (tensors.remove(name) == null) {
            throw new IllegalArgumentException("no tensor " + name);
        }
        return this;
    }

    /** Writes the directory with the configuration's keys and values as JSON text, without the braces. */
    public Path write(String fields) throws IOException {
        Files.createDirectories(directory);
        SafetensorsWriter.write(directory.resolve("adapter_model.safetensors"), tensors);
        Files.writeString(directory.resolve("adapter_config.json"), "{" + fields + "}");
        return directory;
    }
}
