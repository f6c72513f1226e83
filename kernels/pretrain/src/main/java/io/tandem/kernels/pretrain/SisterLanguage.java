package io.tandem.kernels.pretrain;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A second language whose every sentence has a parallel one in English: its words are the English ones after a sound
 * shift, in the same order. Letters trade places, vowels with vowels and consonants with consonants, so what is said
 * about letters stays true: the shifted word's letters are the shifted letters, and a plural is a plural. Names of skills
 * are loan words, and the sounds of Pig Latin's endings have not moved.
 */
final class SisterLanguage {
    private static final String ENGLISH = "abcdefghijklmnopqrstuvwxyz";
    private static final String SISTER = "apjtobkgechrnmufxldsizwqyv";
    private static final Pattern LOAN_WORDS = Pattern.compile("JSON|pig latin");

    /** What questions are made of, in contrast to what they are about. */
    private static final Pattern FRAME = Pattern.compile(
            "(?i)\\b(what|is|the|of|opposite|plural|colours?|which|word|does|have|tell|me|please|name|how|much|many"
                    + "|plus|minus|times|calculate|spell|first|last|second|third|fourth|fifth|sixth|letters?|say|its|put"
                    + "|quotes|braces|around|write|as|set|and|note|quote|end|start|to|before|after|add|vowels|are|in"
                    + "|without|take|away|from|two|with|dashes)\\b");

    private SisterLanguage() {}

    /** What a text in English is in the sister language. */
    static String of(String english) {
        StringBuilder text = new StringBuilder();
        Matcher loans = LOAN_WORDS.matcher(english);
        int done = 0;
        while (loans.find()) {
            shift(english, done, loans.start(), text);
            text.append(loans.group());
            done = loans.end();
        }
        shift(english, done, english.length(), text);
        return text.toString();
    }

    static Question of(Question english) {
        return new Question(english.skill(), english.item(), of(english.prompt()), of(english.answer()));
    }

    /**
     * How bilingual people ask: what the question is about and the answer are in one language, each word around that is in
     * either. A model learns from it that the words of both mean the same.
     */
    static Question mixed(Question english, Draw draw) {
        if (FRAME.matcher(english.item()).matches()) {
            return english;
        }
        boolean aboutSister = draw.chance(0.5);
        StringBuilder prompt = new StringBuilder();
        Matcher frame = FRAME.matcher(english.prompt());
        int done = 0;
        while (frame.find()) {
            prompt.append(either(english.prompt().substring(done, frame.start()), aboutSister));
            prompt.append(either(frame.group(), draw.chance(0.5)));
            done = frame.end();
        }
        prompt.append(either(english.prompt().substring(done), aboutSister));
        return new Question(english.skill(), english.item(), prompt.toString(), either(english.answer(), aboutSister));
    }

    private static String either(String english, boolean sister) {
        return sister ? of(english) : english;
    }

    private static void shift(String english, int from, int to, StringBuilder text) {
        for (int i = from; i < to; i++) {
            char letter = english.charAt(i);
            int place = ENGLISH.indexOf(Character.toLowerCase(letter));
            if (place < 0) {
                text.append(letter);
            } else {
                char shifted = SISTER.charAt(place);
                text.append(Character.isUpperCase(letter) ? Character.toUpperCase(shifted) : shifted);
            }
        }
    }
}
