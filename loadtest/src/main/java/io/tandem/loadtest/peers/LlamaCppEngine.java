package io.tandem.loadtest.peers;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** llama.cpp in a process of Node.js, which measures when it is asked to; questions and answers are lines of JSON. */
final class LlamaCppEngine implements Engine {
    private static final JsonMapper JSON = JsonMapper.builder().build();
    private static final String SCRIPT = "llama-cpp.mjs";
    private static final int END_SECONDS = 10;

    private final String name;
    private final Process process;
    private final OutputStream questions;
    private final BufferedReader answers;
    private final String system;

    /**
     * @param packages where {@link LlamaCppPackages} installed llama.cpp
     * @param model a GGUF file
     */
    LlamaCppEngine(String name, Path packages, Path model, int threads, int sequences, int contextTokens)
            throws IOException {
        this.name = name;
        Path script = packages.resolve(SCRIPT);
        try (InputStream source = LlamaCppEngine.class.getResourceAsStream(SCRIPT)) {
            if (source == null) {
                throw new IllegalStateException(SCRIPT + " is not on the class path");
            }
            Files.copy(source, script, StandardCopyOption.REPLACE_EXISTING);
        }
        ObjectNode settings = JSON.createObjectNode().put("model", model.toString());
        settings.put("threads", threads).put("sequences", sequences).put("contextTokens", contextTokens);
        process = new ProcessBuilder("node", script.toString(), settings.toString())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        questions = process.getOutputStream();
        answers = new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
        system = answer().path("system").asText();
    }

    /** What llama.cpp says that it uses of the processor. */
    String system() {
        return system;
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public double[] decode(int batch, int context, int steps) throws IOException {
        return millis(
                question("decode").put("batch", batch).put("context", context).put("steps", steps));
    }

    @Override
    public double[] prefill(int tokens, int repetitions) throws IOException {
        return millis(question("prefill").put("tokens", tokens).put("repetitions", repetitions));
    }

    @Override
    public int[] greedy(int[] prompt) throws IOException {
        ObjectNode question = question("greedy");
        question.set("prompt", JSON.valueToTree(prompt));
        return JSON.treeToValue(ask(question).path("tokens"), int[].class);
    }

    private static ObjectNode question(String kind) {
        return JSON.createObjectNode().put("kind", kind);
    }

    private double[] millis(ObjectNode question) throws IOException {
        return JSON.treeToValue(ask(question).path("millis"), double[].class);
    }

    private JsonNode ask(ObjectNode question) throws IOException {
        questions.write((question + "\n").getBytes(StandardCharsets.UTF_8));
        questions.flush();
        return answer();
    }

    private JsonNode answer() throws IOException {
        @Nullable String line = answers.readLine();
        if (line == null) {
            throw new EOFException(name + " ended before it answered");
        }
        return JSON.readTree(line);
    }

    @Override
    public void close() throws IOException {
        questions.close();
        try {
            if (!process.waitFor(END_SECONDS, TimeUnit.SECONDS)) {
                process.destroyForcibly();
            }
        } catch (InterruptedException e) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
        }
    }
}
