package io.tandem.server.it;

import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** Small training files. */
final class TrainingFiles {
    private TrainingFiles() {}

    /** Chats with one answer each. */
    static String chats(int count) {
        return IntStream.range(0, count)
                .mapToObj(i -> "{\"messages\":[{\"role\":\"user\",\"content\":\"what is " + i % 7
                        + "\"},{\"role\":\"assistant\",\"content\":\"it is " + i % 7 + "\"}],\"ability\":\""
                        + (i % 2 == 0 ? "even" : "odd") + "\"}\n")
                .collect(Collectors.joining());
    }

    /** Questions with a better and a worse answer. */
    static String preferences(int count) {
        return IntStream.range(0, count)
                .mapToObj(i -> "{\"input\":{\"messages\":[{\"role\":\"user\",\"content\":\"q" + i % 5
                        + "\"}]},\"preferred_output\":[{\"role\":\"assistant\",\"content\":\"yes\"}],"
                        + "\"non_preferred_output\":[{\"role\":\"assistant\",\"content\":\"nope\"}]}\n")
                .collect(Collectors.joining());
    }
}
