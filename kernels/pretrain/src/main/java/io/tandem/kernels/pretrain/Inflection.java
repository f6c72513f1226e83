package io.tandem.kernels.pretrain;

import java.util.HashMap;
import java.util.Map;
import java.util.Set;

/** English word forms: plurals, verb forms, the indefinite article. */
final class Inflection {
    private static final Set<String> DOUBLING = Set.of(
            "beg chat chop clap dig drag drop drum fit get grab grin hit hop hug hum jog knit knot let nap nod pat pet "
                    .concat("pin plan plot put rob rub run set shop shut sip sit skip slip snap spin split spot step ")
                    .concat("stir stop swim tap tip trip trot tug wag win wrap zip cut begin forget")
                    .split(" "));

    private final Map<String, String> plurals = new HashMap<>();

    Inflection() {
        for (String line : Resources.lines("plurals.txt")) {
            String[] pair = line.split(" ", -1);
            plurals.put(pair[0], pair[1]);
        }
    }

    String plural(String noun) {
        String irregular = plurals.get(noun);
        return irregular != null ? irregular : withS(noun);
    }

    /** Also the third person of a verb. */
    static String withS(String word) {
        if (endsInConsonantAndY(word)) {
            return word.substring(0, word.length() - 1) + "ies";
        }
        boolean hissing = word.endsWith("s")
                || word.endsWith("x")
                || word.endsWith("z")
                || (word.endsWith("ch") && !word.equals("stomach"))
                || word.endsWith("sh");
        return word + (hissing ? "es" : "s");
    }

    static String past(String verb) {
        if (verb.endsWith("e")) {
            return verb + "d";
        }
        if (endsInConsonantAndY(verb)) {
            return verb.substring(0, verb.length() - 1) + "ied";
        }
        return doubled(verb) + "ed";
    }

    static String progressive(String verb) {
        if (verb.endsWith("ie")) {
            return verb.substring(0, verb.length() - 2) + "ying";
        }
        boolean silent = verb.endsWith("e") && !verb.endsWith("ee") && !verb.equals("be");
        return (silent ? verb.substring(0, verb.length() - 1) : doubled(verb)) + "ing";
    }

    /** The word with its article, for example {@code an apple}. */
    static String withArticle(String word) {
        boolean vowelSound = "aeiou".indexOf(word.charAt(0)) >= 0;
        boolean exception = word.startsWith("uni") || word.startsWith("use") || word.startsWith("one");
        boolean silentH = word.startsWith("hour") || word.startsWith("honest");
        return ((vowelSound && !exception) || silentH ? "an " : "a ") + word;
    }

    private static String doubled(String verb) {
        return DOUBLING.contains(verb) ? verb + verb.charAt(verb.length() - 1) : verb;
    }

    private static boolean endsInConsonantAndY(String word) {
        int last = word.length() - 1;
        return last > 0 && word.charAt(last) == 'y' && "aeiou".indexOf(word.charAt(last - 1)) < 0;
    }
}
