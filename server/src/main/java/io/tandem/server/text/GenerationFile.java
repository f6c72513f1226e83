package io.tandem.server.text;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.server.api.SamplingDefaults;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Sampling defaults of a model's {@code generation_config.json}, as vLLM and SGLang apply them. */
final class GenerationFile {
    private static final Logger LOG = LoggerFactory.getLogger(GenerationFile.class);

    private GenerationFile() {}

    /** OpenAI's defaults where the file names none, or one that no request may have. */
    static SamplingDefaults sampling(ModelFile file) {
        SamplingDefaults standard = SamplingDefaults.STANDARD;
        JsonNode topK = file.json().path("top_k");
        return new SamplingDefaults(
                number(file, "temperature", 0, 2, standard.temperature()),
                number(file, "top_p", Double.MIN_NORMAL, 1, standard.topP()),
                topK.isInt() && topK.intValue() > 0 ? topK.intValue() : standard.topK(),
                number(file, "min_p", 0, 1, standard.minP()),
                number(file, "repetition_penalty", Double.MIN_NORMAL, 2, standard.repetitionPenalty()),
                standard.earlyExit());
    }

    private static double number(ModelFile file, String name, double least, double most, double absent) {
        JsonNode value = file.json().path(name);
        if (value.isMissingNode() || value.isNull()) {
            return absent;
        }
        if (value.isNumber() && value.doubleValue() >= least && value.doubleValue() <= most) {
            return value.doubleValue();
        }
        LOG.warn(
                "{}: {} is {}, which no request may have, and is ignored",
                file.path(),
                name,
                JsonFile.excerpt(value.toString()));
        return absent;
    }
}
