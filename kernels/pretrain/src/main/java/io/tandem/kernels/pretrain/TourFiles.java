package io.tandem.kernels.pretrain;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/** Training and test files in OpenAI's chat format for the skills that the sample model lacks; no item is in both. */
public final class TourFiles {
    /** Of the files in {@code config/tour}. */
    public static final long SEED = 1;

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int TEST = 100;
    private static final int TRAIN = 350;

    private TourFiles() {}

    /** Writes the files that are in {@code config/tour}, if it is given {@link #SEED}. */
    static void write(Path directory, long seed) throws IOException {
        write(directory, seed, Map.of());
    }

    /**
     * Writes {@code <skill>.train.jsonl} and {@code <skill>.test.jsonl} for each of the skills. With {@link #SEED} the tests are
     * those in {@code config/tour}.
     *
     * @param examples how many training examples of a skill; {@value #TRAIN} where nothing is said, fewer if a skill has no
     *     more
     */
    public static void write(Path directory, long seed, Map<String, Integer> examples) throws IOException {
        Files.createDirectories(directory);
        Words words = Words.load();
        for (TourTask task : TourTask.values()) {
            Draw draw = new Draw(seed + task.label().hashCode());
            Set<String> used = new HashSet<>();
            String test = examples(task, words, draw, TEST, used);
            Files.writeString(directory.resolve(task.label() + ".test.jsonl"), test);
            int wanted = Math.min(examples.getOrDefault(task.label(), TRAIN), task.items(words) - TEST);
            String train = examples(task, words, draw, wanted, used);
            Files.writeString(directory.resolve(task.label() + ".train.jsonl"), train);
        }
    }

    /** So many stories in the sample model's language, as {@code {"text"}} lines; training saw other ones. */
    public static String stories(long seed, int count) throws JsonProcessingException {
        StoryGenerator stories = new StoryGenerator(Words.load());
        Draw draw = new Draw(seed);
        StringBuilder lines = new StringBuilder();
        for (int made = 0; made < count; made++) {
            lines.append(JSON.writeValueAsString(JSON.createObjectNode().put("text", stories.story(draw))))
                    .append('\n');
        }
        return lines.toString();
    }

    static String examples(TourTask task, Words words, Draw draw, int count, Set<String> used)
            throws JsonProcessingException {
        StringBuilder lines = new StringBuilder();
        for (int made = 0; made < count; ) {
            Question question = task.ask(words, draw);
            if (used.add(question.item())) {
                lines.append(line(question)).append('\n');
                made++;
            }
        }
        return lines.toString();
    }

    static String line(Question question) throws JsonProcessingException {
        ObjectNode example = JSON.createObjectNode();
        ArrayNode messages = example.putArray("messages");
        messages.addObject().put("role", "user").put("content", question.prompt());
        messages.addObject().put("role", "assistant").put("content", question.answer());
        return JSON.writeValueAsString(example);
    }
}
