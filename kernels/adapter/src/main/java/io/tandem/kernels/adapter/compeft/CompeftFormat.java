package io.tandem.kernels.adapter.compeft;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.AdapterFormatException;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.weights.DurableFile;
import java.io.IOException;
import java.nio.file.Path;

/** LoRA adapters compressed to a file; the package's description tells it byte by byte. */
public final class CompeftFormat {
    private CompeftFormat() {}

    /**
     * Reads an adapter into the form that a device takes.
     *
     * @param file its last name appears in messages
     * @param model the base model that the adapter must fit
     * @param maxRank largest rank of a module
     * @throws AdapterFormatException if the file is missing or damaged, or does not fit the model; it says where, and
     *     what was found and expected
     */
    public static Adapter read(Path file, ModelConfig model, int maxRank) {
        return readTernary(file, model, maxRank).decode();
    }

    /**
     * Reads an adapter and leaves it as small as it is.
     *
     * @param file its last name appears in messages
     * @param model the base model that the adapter must fit
     * @param maxRank largest rank of a module
     * @throws AdapterFormatException as {@link #read}
     */
    public static TernaryAdapter readTernary(Path file, ModelConfig model, int maxRank) {
        return new CompeftReader(file, model, maxRank).read();
    }

    /**
     * Compresses an adapter and writes it, replacing what is there. A crash leaves the file as it was or complete.
     *
     * @throws IOException if the file cannot be written
     * @throws IllegalArgumentException if the adapter changes no module, or has a value that no reader would accept
     */
    public static CompressionReport write(Path file, Adapter adapter, CompressionSettings settings) throws IOException {
        refuseUnwritable(adapter);
        Compressor.Result result = new Compressor(adapter).compress(settings);
        byte[] bytes = new CompeftWriter(result.adapter()).write();
        DurableFile.write(file, bytes);
        long parameters = 0;
        long kept = 0;
        for (TernaryAdapter.TernaryLowRank factors : result.adapter().modules().values()) {
            parameters += factors.a().length() + factors.b().length();
            kept += factors.a().positions().length + factors.b().positions().length;
        }
        ProductError error = ProductError.of(adapter, result.adapter().decode());
        return new CompressionReport(
                parameters,
                bytes.length,
                (double) kept / parameters,
                result.alpha(),
                result.candidates(),
                error.modules(),
                error.overall());
    }

    private static void refuseUnwritable(Adapter adapter) {
        if (adapter.factors().isEmpty()) {
            throw new IllegalArgumentException("an adapter that changes no module cannot be saved");
        }
        LoraConfig config = adapter.lora();
        if (!(Math.abs(config.alpha()) <= CompeftReader.MAX_SCALING)) {
            throw new IllegalArgumentException(
                    "alpha is " + config.alpha() + ", expected at most " + CompeftReader.MAX_SCALING);
        }
        if (config.baseModel().length() > CompeftReader.MAX_BASE_MODEL_LENGTH) {
            throw new IllegalArgumentException(
                    "the base model's name is longer than " + CompeftReader.MAX_BASE_MODEL_LENGTH + " characters");
        }
        adapter.factors().forEach((site, factors) -> {
            if (!(Math.abs(factors.scaling()) <= CompeftReader.MAX_SCALING)) {
                throw new IllegalArgumentException(site + " has the scaling " + factors.scaling()
                        + ", expected at most " + CompeftReader.MAX_SCALING);
            }
            if (!finite(factors.a()) || !finite(factors.b())) {
                throw new IllegalArgumentException(site + " has a value that is not finite");
            }
        });
    }

    private static boolean finite(float[] values) {
        for (float value : values) {
            if (!Float.isFinite(value)) {
                return false;
            }
        }
        return true;
    }
}
