package io.tandem.server.text.jinja;

/** An operator and what is on its right. */
record Comparison(String operator, Expression right) {
    boolean holds(Budget budget, Object left, Object right) {
        return switch (operator) {
            case "==" -> Values.equal(budget, left, right);
            case "!=" -> !Values.equal(budget, left, right);
            case "in" -> Values.contains(budget, right, left);
            case "not in" -> !Values.contains(budget, right, left);
            case "<" -> Values.compare(budget, left, right, operator) < 0;
            case "<=" -> Values.compare(budget, left, right, operator) <= 0;
            case ">" -> Values.compare(budget, left, right, operator) > 0;
            default -> Values.compare(budget, left, right, operator) >= 0;
        };
    }
}
