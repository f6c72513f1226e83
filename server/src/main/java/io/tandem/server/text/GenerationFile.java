package io.tandem.server.text;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.SamplingDefaults;
import java.nio.file.Files;
import java.nio.file.Path;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Sampling defaults of a model's {@code generation_config.json}, as vLLM and SGLang apply them. */
final class GenerationFile {
    private static final Logger LOG = LoggerFactory.getLogger(GenerationFile.class);
    private static final int MAX_FILE_BYTES = 4 << 20;

    private GenerationFile() {}

    /** OpenAI's defaults where the file names none, or one that no request may have. */
    static SamplingDefaults sampling(Path modelDir) {
        Path file = modelDir.resolve("generation_config.json");
        if (!Files.exists(file)) {
            return SamplingDefaults.STANDARD;
        }
        ObjectNode json = JsonFile.object(file, MAX_FILE_BYTES);
        SamplingDefaults standard = SamplingDefaults.STANDARD;
        JsonNode topK = json.path("top_k");
        return new SamplingDefaults(
                number(file, json, "temperature", 0, 2, standard.temperature()),
                number(file, json, "top_p", Double.MIN_NORMAL, 1, standard.topP()),
                topK.isInt() && topK.intValue() > 0 ? topK.intValue() : standard.topK());
    }

    private static double number(Path file, ObjectNode json, String name, double least, double most, double absent) {
        JsonNode value = json.path(name);
        if (value.isMissingNode() || value.isNull()) {
            return absent;
        }
        if (value.isNumber() && value.doubleValue() >= least && value.doubleValue() <= most) {
            return value.doubleValue();
        }
        LOG.warn(
                "{}: {} is {}, which no request may have, and is ignored",
                file,
                name,
                JsonFile.excerpt(value.toString()));
        return absent;
    }
}
