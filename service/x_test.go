package service_test

var restartCases, checkCases, periodicCases, serveCases, treeCases []testCase
