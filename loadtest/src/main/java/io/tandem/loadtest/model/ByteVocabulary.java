package io.tandem.loadtest.model;

import io.tandem.kernels.pretrain.ByteAlphabet;
import java.util.ArrayList;
import java.util.List;

/**
 * Byte-level BPE without merges: the end of text, a token for each byte, and words that no text is ever cut into, which
 * fill the vocabulary and read as their number when a random model chooses them.
 */
final class ByteVocabulary {
    static final int END_OF_TEXT = 0;
    static final String END_OF_TEXT_NAME = "<|endoftext|>";
    private static final int BYTES = 256;

    private final List<String> names = new ArrayList<>();

    ByteVocabulary(int size) {
        names.add(END_OF_TEXT_NAME);
        for (int value = 0; value < BYTES; value++) {
            names.add(String.valueOf(ByteAlphabet.character(value)));
        }
        while (names.size() < size) {
            names.add(ByteAlphabet.character(' ') + String.valueOf(names.size()));
        }
        if (names.size() != size) {
            throw new IllegalArgumentException("a vocabulary of " + size + ", expected " + names.size() + " or more");
        }
    }

    int size() {
        return names.size();
    }

    /** In the byte alphabet. */
    String name(int id) {
        return names.get(id);
    }

    boolean isByte(int id) {
        return id > END_OF_TEXT && id <= BYTES;
    }
}
