package io.tandem.kernels.adapter.peft;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.AdapterFormatException;
import io.tandem.kernels.model.ModelConfig;
import java.io.IOException;
import java.nio.file.Path;

/**
 * LoRA, DoRA, (IA)^3, prompt tuning and prefix tuning adapters in the directory layout of HuggingFace PEFT: {@code
 * adapter_config.json} beside {@code adapter_model.safetensors}. An adapter that is written here loads in PEFT and the other way
 * round. AdaLoRA is read too, as the LoRA adapter that changes the same. Bottlenecks, which PEFT does not have, are as the library
 * {@code adapters} saves them, whose weights are only called otherwise.
 */
public final class PeftFormat {
    private PeftFormat() {}

    /**
     * Reads an adapter. Modules that the configuration targets and the weights leave out stay unchanged, which is what
     * PEFT's zero-initialized B makes of them.
     *
     * @param directory of the adapter; its last name appears in messages
     * @param model the base model that the adapter must fit
     * @param maxRank largest rank of a module, and most virtual tokens
     * @throws AdapterFormatException if a file is missing or damaged, the method is none of those, or names, shapes,
     *     ranks or values do not fit; it lists what was found and what was expected
     */
    public static Adapter read(Path directory, ModelConfig model, int maxRank) {
        return new PeftReader(directory, model, maxRank).read();
    }

    /**
     * Writes an adapter as float32, creating the directory or replacing the adapter in it. If it does not return, the
     * directory holds no adapter or a complete one; to replace an adapter that others may be reading, write to a new
     * directory and rename that.
     *
     * @param model the base model that the adapter fits
     * @throws IOException if a file cannot be written
     * @throws IllegalArgumentException if the adapter changes no module, or changes some in a form that the layout cannot hold
     *     beside the others
     */
    public static void write(Path directory, Adapter adapter, ModelConfig model) throws IOException {
        new PeftWriter(adapter, model).write(directory);
    }
}
